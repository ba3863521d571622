// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/test_certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

namespace marrow {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using OpenFile = std::unique_ptr<FILE, Free>;

// A test without its certificates tests nothing.
template <typename T>
T Need(T result) {
  if (!result) std::abort();
  return result;
}

void AddExtension(X509* certificate, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(
      Need(X509V3_EXT_conf_nid(nullptr, &context, kind, value)));
  Need(X509_add_ext(certificate, extension.get(), -1));
}

// Unsigned, for `name` with `key`.
Certificate Draft(const std::string& name, EVP_PKEY* key) {
  Certificate certificate(Need(X509_new()));
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), std::rand());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60 * 60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 24 * 60 * 60);
  Need(X509_set_pubkey(certificate.get(), key));
  // SAFETY: unsigned char may alias char.
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  Need(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                                  text, -1, -1, 0));
  return certificate;
}

TestIdentity Write(const std::string& directory, const std::string& name, X509* certificate,
                   EVP_PKEY* key) {
  TestIdentity files{directory + "/" + name + ".pem", directory + "/" + name + ".key"};
  const OpenFile certificate_file(Need(std::fopen(files.certificate.c_str(), "w")));
  Need(PEM_write_X509(certificate_file.get(), certificate));
  const OpenFile key_file(Need(std::fopen(files.key.c_str(), "w")));
  Need(PEM_write_PrivateKey(key_file.get(), key, nullptr, nullptr, 0, nullptr, nullptr));
  return files;
}

}  // namespace

TestAuthority::TestAuthority(std::string directory, const std::string& name)
    : directory_(std::move(directory)) {
  const Key key(Need(EVP_EC_gen("P-256")));
  const Certificate certificate = Draft(name, key.get());
  Need(X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())));
  AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  Need(X509_sign(certificate.get(), key.get(), EVP_sha256()));
  self_ = Write(directory_, name, certificate.get(), key.get());
}

TestIdentity TestAuthority::Issue(const std::string& name) const {
  const OpenFile key_file(Need(std::fopen(self_.key.c_str(), "r")));
  const Key own_key(Need(PEM_read_PrivateKey(key_file.get(), nullptr, nullptr, nullptr)));
  const OpenFile certificate_file(Need(std::fopen(self_.certificate.c_str(), "r")));
  const Certificate own(Need(PEM_read_X509(certificate_file.get(), nullptr, nullptr, nullptr)));
  const Key key(Need(EVP_EC_gen("P-256")));
  const Certificate certificate = Draft(name, key.get());
  Need(X509_set_issuer_name(certificate.get(), X509_get_subject_name(own.get())));
  AddExtension(certificate.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  Need(X509_sign(certificate.get(), own_key.get(), EVP_sha256()));
  return Write(directory_, name, certificate.get(), key.get());
}

}  // namespace marrow
