// SPDX-License-Identifier: Apache-2.0
#include "marrow/guest.h"

namespace marrow::guest {

const char* Describe(Error error) {
  switch (error) {
    case Error::kNone:
      return "no error";
    case Error::kBadMemory:
      return "the window's address is null or not 64-byte aligned";
    case Error::kNoHost:
      return "no Marrow host has formatted this memory";
    case Error::kWrongVersion:
      return "the host speaks another major version of the window ABI";
    case Error::kWindowTooSmall:
      return "the mapped memory is smaller than the host's window or holds no table entry";
    case Error::kBadHostHeader:
      return "the host's header has impossible sizes";
    case Error::kNotAttached:
      return "the window is not attached";
    case Error::kNotClaimed:
      return "the window is attached but not claimed for writing";
    case Error::kChangeOpen:
      return "another change of this window is still open";
    case Error::kTableFull:
      return "the region table is full";
    case Error::kBadId:
      return "region id 0 is not allowed";
    case Error::kDuplicateId:
      return "the region id is in the table already";
    case Error::kUnknownId:
      return "the region id is not in the table";
    case Error::kBadRange:
      return "the region is empty or passes the end of the address space";
    case Error::kBadKind:
      return "unknown address kind or region class";
    case Error::kGraphInvalid:
      return "the graph breaks the specification";
    case Error::kNoRoom:
      return "the window has no room for the graph beside the regions";
    case Error::kTimedOut:
      return "the host did not answer in time";
    case Error::kHostAbsent:
      return "no host is listening";
    case Error::kHostFailed:
      return "the host tried to capture and failed";
    case Error::kHostRefused:
      return "the host refused by policy or rate limit";
  }
  return "unknown error";
}

}  // namespace marrow::guest
