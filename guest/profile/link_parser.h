// SPDX-License-Identifier: Apache-2.0
// The lines of the profile language that make the graph. Each function reads one line's words
// behind its first one, and returns what is wrong with them, or "".
#pragma once

#include <string>

#include "guest/profile/profile.h"
#include "guest/profile/profile_lexer.h"

namespace marrow::profile {

// type NAME[?ALT] [as ALIAS] [bytes N] [class C] [optional] [from X.Y] [before X.Y]
std::string ParseTypeLine(WordStream* words, TypeBlock* block);
// PATH[?ALT] KIND ARGS [modifiers]
std::string ParseField(WordStream* words, Field* field);
// root [percpu] SYMBOL[?ALT] KIND ARGS [modifiers]
std::string ParseRoot(WordStream* words, RootLine* root);
// live START[?ALT] END[?ALT] KIND ARGS [modifiers]
std::string ParseLive(WordStream* words, RootLine* root);
// orc [optional] [from X.Y] [before X.Y]
std::string ParseOrc(WordStream* words, OrcLine* orc);
// text before N after N
std::string ParseText(WordStream* words, TextRange* text);

}  // namespace marrow::profile
