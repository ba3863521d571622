// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace marrow {

// PEM files of one party.
struct TestIdentity {
  std::string certificate;
  std::string key;
};

// A certificate authority for one test, made anew: its files lie in a directory that outlives it.
class TestAuthority {
 public:
  // `name` tells authorities of one directory apart.
  TestAuthority(std::string directory, const std::string& name);

  // PEM file of the authority's own certificate.
  const std::string& certificate() const { return self_.certificate; }
  // An identity that it signs, good for servers on localhost and 127.0.0.1 and for clients.
  TestIdentity Issue(const std::string& name) const;

 private:
  std::string directory_;
  TestIdentity self_;
};

}  // namespace marrow
