// SPDX-License-Identifier: Apache-2.0
// A value or the reason why there is none. The agent is one static binary without Abseil.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace marrow::profile {

// Says what failed and what to do about it.
struct Failure {
  std::string message;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that a function returns either as it is.
  Result(T value) : value_(std::move(value)) {}            // NOLINT(google-explicit-constructor)
  Result(Failure failure) : value_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(value_); }
  const std::string& error() const { return std::get<Failure>(value_).message; }
  Failure failure() const { return std::get<Failure>(value_); }

  T& operator*() { return std::get<T>(value_); }
  const T& operator*() const { return std::get<T>(value_); }
  T* operator->() { return &std::get<T>(value_); }
  const T* operator->() const { return &std::get<T>(value_); }

 private:
  std::variant<T, Failure> value_;
};

}  // namespace marrow::profile
