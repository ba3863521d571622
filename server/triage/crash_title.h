// SPDX-License-Identifier: Apache-2.0
// One line that says what a kernel died of.
#pragma once

#include <string>

#include "server/triage/kernel_log.h"

namespace marrow {

// The line of the log that names the crash, without its time: the header of the first oops if there
// is one, for the panic that ends it only repeats it; else the panic line; else "". Printable
// UTF-8, at most 200 bytes.
std::string CrashTitle(const KernelLog& log);

}  // namespace marrow
