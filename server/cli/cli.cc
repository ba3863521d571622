// SPDX-License-Identifier: Apache-2.0
#include "server/cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/cli/commands.h"
#include "server/triage/printable.h"

namespace marrow::cli {
namespace {

constexpr char kDefaultStore[] = "127.0.0.1:7070";
constexpr char kDefaultControl[] = "/run/marrow/marrowd.sock";

constexpr char kFooter[] =
    "ID is a dump's id, its name dumps/ID, or (but for delete) the beginning of an id that no\n"
    "other of the newest 1000 dumps shares.\n"
    "\n"
    "Environment:\n"
    "  MARROW_STORE    address of the store, as --store\n"
    "  MARROW_CONTROL  socket of marrowd, as --control\n"
    "  MARROW_VMLINUX  vmlinux for `marrow crash`, as --vmlinux\n"
    "\n"
    "Exit codes:\n"
    "  0  done\n"
    "  1  failed\n"
    "  2  wrong usage, or an argument that the server does not accept\n"
    "  3  no such dump, VM or address\n"
    "  4  the store or marrowd cannot be reached\n"
    "  5  refused (permission, limits, state), or only a part could be read\n";

constexpr char kFilterHelp[] =
    "Such as 'vm=web1 AND trigger=PANIC AND capture_time>2026-01-31T00:00:00Z'. Fields: vm, host, "
    "trigger, kernel_release, build_id, state, title, capture_time, receive_time, labels.KEY. "
    "Operators: = != < <= > >= and : (contains). OR binds tighter than AND.";

using Command = std::function<absl::Status(Session&)>;

std::string VariableOr(const Environment& environment, const char* name, const char* otherwise) {
  std::string value = environment.variable(name);
  return value.empty() ? otherwise : value;
}

// The parser and the arguments that it fills in; `chosen` is the command to run.
class CommandLine {
 public:
  explicit CommandLine(const Environment& environment) {
    options_.store_address = VariableOr(environment, "MARROW_STORE", kDefaultStore);
    options_.control_path = VariableOr(environment, "MARROW_CONTROL", kDefaultControl);
    app_.name("marrow");
    app_.footer(kFooter);
    app_.set_version_flag("--version", "marrow " MARROW_VERSION);
    // The options below may stand behind a command as well as before it.
    app_.fallthrough();
    app_.require_subcommand(1);
    app_.add_option("--store", options_.store_address, "Address of the store")
        ->type_name("HOST:PORT")
        ->take_last()
        ->capture_default_str();
    app_.add_option("--tls-ca", options_.store_tls.ca, "Certificate that signs the store's (PEM)")
        ->type_name("FILE");
    app_.add_option("--tls-cert", options_.store_tls.certificate, "The client's certificate (PEM)")
        ->type_name("FILE");
    app_.add_option("--tls-key", options_.store_tls.key, "Its key (PEM)")->type_name("FILE");
    app_.add_option("--control", options_.control_path, "marrowd's control socket")
        ->type_name("SOCKET")
        ->take_last()
        ->capture_default_str();
    app_.add_flag("--json", json_, "Print JSON, with fields named as in the protocol");
    AddDumps();
    AddHost();
    AddCrash();
  }

  CLI::App& app() { return app_; }
  const Command& chosen() const { return chosen_; }
  SessionOptions options() const {
    SessionOptions options = options_;
    options.format = json_ ? OutputFormat::kJson : OutputFormat::kHuman;
    return options;
  }

 private:
  CLI::App* Add(CLI::App* parent, const char* name, const char* description, Command command) {
    CLI::App* sub = parent->add_subcommand(name, description);
    sub->callback([this, command = std::move(command)] { chosen_ = command; });
    return sub;
  }

  static void AddId(CLI::App* command, std::string& id) {
    command->add_option("ID", id, "The dump")->required();
  }

  void AddDumps() {
    CLI::App* dumps = app_.add_subcommand("dumps", "Stored dumps");
    dumps->require_subcommand(1);
    AddList(dumps);
    AddId(Add(dumps, "show", "What is known of a dump, and what is missing from it",
              [this](Session& s) { return ShowDump(s, id_); }),
          id_);
    AddId(Add(dumps, "log", "The kernel log, as dmesg prints it",
              [this](Session& s) { return PrintLog(s, id_); }),
          id_);
    AddId(Add(dumps, "regions", "The regions that the guest marked",
              [this](Session& s) { return ListRegions(s, id_); }),
          id_);
    AddFetch(dumps);
    AddRead(dumps);
    Add(dumps, "delete", "Delete dumps, by whole ids",
        [this](Session& s) { return DeleteDumps(s, ids_); })
        ->add_option("ID", ids_, "The dumps")
        ->required();
    Add(dumps, "watch", "Print each dump as the store receives it", [this](Session& s) {
      return WatchDumps(s, list_.filter);
    })->add_option("--filter,-f", list_.filter, kFilterHelp);
  }

  void AddList(CLI::App* dumps) {
    CLI::App* list = Add(dumps, "list", "Dumps, newest first",
                         [this](Session& s) { return ListDumps(s, list_); });
    list->add_option("--filter,-f", list_.filter, kFilterHelp);
    list->add_option(
        "--order-by", list_.order_by,
        "capture_time, receive_time, vm, host or core_bytes, with \" desc\" to reverse");
    list->add_option("--limit,-n", list_.limit, "At most so many; 0: all")->capture_default_str();
    list->add_flag("--quiet,-q", list_.ids_only, "Ids only");
  }

  void AddFetch(CLI::App* dumps) {
    CLI::App* fetch =
        Add(dumps, "fetch",
            "Download the core, verified. A download that broke is continued where it stopped",
            [this](Session& s) { return FetchCore(s, fetch_); });
    AddId(fetch, fetch_.id);
    fetch->add_option("--output,-o", fetch_.output, "File to write; default: ID.core");
  }

  void AddRead(CLI::App* dumps) {
    CLI::App* read = Add(dumps, "read", "Print guest memory that the dump holds",
                         [this](Session& s) { return ReadMemory(s, read_); });
    AddId(read, read_.id);
    auto* gpa = read->add_option("--gpa", read_.gpa, "Guest-physical address");
    auto* gva = read->add_option("--gva", read_.gva, "Kernel virtual address");
    gpa->excludes(gva);
    read->add_option("--length,-l", read_.length, "Bytes")->capture_default_str();
    read->add_flag_callback(
        "--raw", [this] { read_.format = MemoryFormat::kRaw; }, "Bytes instead of a hex dump");
  }

  void AddHost() {
    Add(&app_, "vms", "The VMs that marrowd watches on this host",
        [](Session& s) { return ListVms(s); });
    CLI::App* capture = Add(&app_, "capture", "Capture a VM of this host now",
                            [this](Session& s) { return Capture(s, capture_); });
    capture->add_option("VM", capture_.vm, "Its name, as in `marrow vms`")->required();
    capture->add_option("--detail", capture_.detail, "Why: kept with the dump");
  }

  void AddCrash() {
    CLI::App* crash = Add(
        &app_, "crash",
        "Fetch the core into the cache folder and start crash(8) on it. Arguments behind -- are "
        "given to crash",
        [this](Session& s) { return RunCrash(s, crash_); });
    AddId(crash, crash_.id);
    crash->add_option("--vmlinux", crash_.vmlinux,
                      "Kernel with debug information; default: looked for in /usr/lib/debug");
    crash->add_option("ARGS", crash_.crash_arguments, "Arguments of crash");
  }

  CLI::App app_{"Queries and fetches the memory of crashed virtual machines."};
  SessionOptions options_;
  bool json_ = false;
  std::string id_;
  std::vector<std::string> ids_;
  ListArguments list_;
  FetchArguments fetch_;
  ReadArguments read_;
  CaptureArguments capture_;
  CrashArguments crash_;
  Command chosen_;
};

}  // namespace

ExitCode RunCli(const std::vector<std::string>& arguments, Environment& environment) {
  CommandLine line(environment);
  try {
    // CLI11 takes them from the back.
    line.app().parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    // --help and --version end parsing like this too.
    if (error.get_exit_code() == 0) {
      line.app().exit(error, environment.out, environment.err);
      return ExitCode::kOk;
    }
    environment.err << Printable(absl::StrCat("marrow: ", error.what(), "; see --help"))
                    << std::endl;
    return ExitCode::kUsage;
  }
  absl::StatusOr<Session> session = Session::Open(environment, line.options());
  const absl::Status status = session.ok() ? line.chosen()(*session) : session.status();
  environment.out.flush();
  if (status.ok() && !environment.out.good()) {
    environment.err << "marrow: cannot write the output\n";
    return ExitCode::kFailure;
  }
  if (!status.ok()) environment.err << ErrorLine(status) << std::endl;
  return ExitCodeOf(status);
}

}  // namespace marrow::cli
