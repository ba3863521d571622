// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/compile.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "guest/profile/link_compiler.h"
#include "guest/profile/type_table.h"

namespace marrow::profile {
namespace {

// x86-64, arch/x86/include/asm/page_64_types.h, without KASAN.
constexpr std::uint32_t kUsualStackBytes = 16384;
// arch/x86/include/asm/orc_lookup.h
constexpr std::uint32_t kOrcBlockBytes = 256;
constexpr std::uint32_t kMaxRootObjects = 1 << 24;

template <typename Entry>
void Append(const std::vector<Entry>& entries, std::string* out) {
  for (const Entry& entry : entries) {
    // SAFETY: the ABI's entries are plain bytes without padding.
    out->append(reinterpret_cast<const char*>(&entry), sizeof(entry));
  }
}

// Whether this kernel has per-CPU data that can be found.
bool SetCpus(const KernelView& view, marrow_graph_header* header) {
  constexpr std::uint32_t kMaxCpus = 1 << 16;
  const auto offsets = view.Symbol("__per_cpu_offset");
  if (!offsets || *offsets == 0 || *offsets > UINT64_MAX - sizeof(std::uint64_t) * kMaxCpus)
    return false;
  for (const std::uint32_t cpu : view.possible_cpus) {
    if (cpu < kMaxCpus) header->cpu_count = std::max(header->cpu_count, cpu + 1);
  }
  if (header->cpu_count == 0) return false;
  header->percpu_offsets = *offsets;
  return true;
}

class GraphCompiler {
 public:
  GraphCompiler(const Profile& profile, const KernelView& view, const KernelTypes& types,
                Compilation* out)
      : profile_(profile),
        view_(view),
        types_(types),
        graph_(&out->graph),
        reporter_(view, out),
        table_(profile, types, &reporter_),
        links_(types, SetCpus(view, &out->graph.header), &table_) {}

  void Run() {
    SetHeader();
    for (const RootLine& root : profile_.roots) AddRoot(root);
    // Fields may lead to types that are not in the table yet.
    for (std::uint32_t type = 0; type < table_.size(); ++type) AddFields(type);
    for (const OrcLine& orc : profile_.orcs) AddOrc(orc);
    for (const TypeDraft& draft : table_.drafts()) {
      marrow_type type = draft.type;
      type.first_edge = static_cast<std::uint32_t>(graph_->edges.size());
      type.edge_count = static_cast<std::uint32_t>(draft.edges.size());
      graph_->types.push_back(type);
      graph_->edges.insert(graph_->edges.end(), draft.edges.begin(), draft.edges.end());
    }
  }

 private:
  void SetHeader();
  void AddRoot(const RootLine& root);
  // The first that this kernel has.
  std::optional<std::string> FirstSymbol(const Alternatives& names) const;
  // The root's type; a failure without a message has been reported already.
  Result<marrow_root> MakeRoot(const RootLine& line, const std::string& symbol);
  Result<marrow_root> MakeLiveRoot(const RootLine& line, const std::string& start);
  // The type that the line's own object has.
  Result<std::uint32_t> ObjectType(const RootLine& line);
  Result<std::uint32_t> MakeVariable(const RootLine& line, const std::string& symbol);
  void AddFields(std::uint32_t type);
  void AddField(std::uint32_t type, const Field& field);
  void AddOrc(const OrcLine& line);
  Result<marrow_lookup> MakeLookup() const;

  const Profile& profile_;
  const KernelView& view_;
  const KernelTypes& types_;
  GraphTables* graph_;
  LineReporter reporter_;
  TypeTable table_;
  LinkCompiler links_;
};

void GraphCompiler::SetHeader() {
  marrow_graph_header& header = graph_->header;
  const auto stack = types_.SizeOf("thread_union");
  constexpr std::uint64_t kMin = 4096;
  constexpr std::uint64_t kMax = 1 << 20;
  const bool sound = stack && *stack >= kMin && *stack <= kMax && std::has_single_bit(*stack);
  header.stack_bytes = sound ? static_cast<std::uint32_t>(*stack) : kUsualStackBytes;
  header.text_before = profile_.text.before;
  header.text_after = profile_.text.after;
}

// What the kernel's headers say the variable is, by the way it is followed.
FieldWords VariableWords(const Link& link, const std::string& symbol, const KernelTypes& types) {
  FieldWords words{.name = symbol, .count = std::max(link.count, 1u), .pointer = true};
  switch (link.kind) {
    case LinkKind::kList:
      words.structure = "list_head";
      words.bytes = 2 * sizeof(std::uint64_t);
      break;
    case LinkKind::kHlist:
      words.structure = "hlist_head";
      break;
    case LinkKind::kRbtree:
      words.structure = "rb_root";
      break;
    case LinkKind::kXarray:
      words.structure = "xarray";
      words.bytes = types.SizeOf("xarray").value_or(words.bytes);
      break;
    case LinkKind::kMaple:
      words.structure = "maple_tree";
      words.bytes = types.SizeOf("maple_tree").value_or(words.bytes);
      break;
    default:
      break;
  }
  words.pointer = words.structure.empty();
  return words;
}

Result<std::uint32_t> GraphCompiler::MakeVariable(const RootLine& line, const std::string& symbol) {
  const FieldWords words = VariableWords(line.link, symbol, types_);
  const std::uint16_t region_class = line.link.region_class.value_or(MARROW_CLASS_KERNEL_DATA);
  auto edges =
      links_.Compile(line.link, words, {0, "", region_class}, line.place, line.condition.optional);
  if (!edges.ok()) return edges.failure();
  constexpr std::uint64_t kMaxVariableBytes = 1 << 26;
  if (words.bytes * words.count > kMaxVariableBytes) return Failure{symbol + " is too large"};
  TypeDraft draft;
  draft.type.bytes = static_cast<std::uint32_t>(words.bytes * words.count);
  draft.type.stride = draft.type.bytes;
  draft.type.region_class = region_class;
  SetName(symbol, draft.type.name);
  draft.edges = std::move(*edges);
  return table_.Add("variable/" + line.place, std::move(draft));
}

Result<std::uint32_t> GraphCompiler::ObjectType(const RootLine& line) {
  const Link& link = line.link;
  if (link.bytes != 0) {
    return table_.Raw(link.bytes, link.region_class.value_or(MARROW_CLASS_KERNEL_DATA),
                      TargetFlags(link));
  }
  const auto type =
      table_.Request({link.target, MARROW_CLASS_KERNEL_DATA, link.region_class, TargetFlags(link)},
                     line.place, line.condition.optional);
  if (!type) return Failure{""};
  return *type;
}

// What all kinds of roots have in common.
marrow_root NewRoot(const RootLine& line, marrow_root_kind kind, std::uint64_t address) {
  marrow_root root{};
  root.address = address;
  root.kind = static_cast<std::uint16_t>(kind);
  root.priority = line.priority;
  root.elements = 1;
  root.max_objects = line.max_objects;
  root.max_bytes = line.max_bytes;
  return root;
}

Result<marrow_root> GraphCompiler::MakeLiveRoot(const RootLine& line, const std::string& start) {
  constexpr std::uint64_t kPageBytes = 4096;
  const std::optional<std::string> end_name = FirstSymbol(line.end_names);
  if (!end_name) return Failure{"no symbol " + Join(line.end_names)};
  marrow_root root = NewRoot(line, MARROW_ROOT_LIVE, *view_.Symbol(start));
  const std::uint64_t end = *view_.Symbol(*end_name);
  if (end <= root.address) return Failure{*end_name + " does not lie behind " + start};
  if (end - root.address > kPageBytes * kMaxRootObjects) {
    return Failure{start + " and " + *end_name + " lie too far apart"};
  }
  root.elements = static_cast<std::uint32_t>((end - root.address + kPageBytes - 1) / kPageBytes);
  if (root.elements * kPageBytes > ~root.address) {
    return Failure{*end_name + " lies at the end of the address space"};
  }
  const auto type = ObjectType(line);
  if (!type.ok()) return type.failure();
  root.type = *type;
  SetName("live " + start, root.name);
  return root;
}

Result<marrow_root> GraphCompiler::MakeRoot(const RootLine& line, const std::string& symbol) {
  if (!line.end_names.empty()) return MakeLiveRoot(line, symbol);
  const Link& link = line.link;
  marrow_root root =
      NewRoot(line, line.percpu ? MARROW_ROOT_PERCPU : MARROW_ROOT_OBJECT, *view_.Symbol(symbol));
  SetName(symbol, root.name);
  if (line.percpu && graph_->header.percpu_offsets == 0) {
    return Failure{"no per-CPU data: __per_cpu_offset or the possible CPUs are not known"};
  }
  if (link.kind != LinkKind::kEmbedded) {
    const auto type = MakeVariable(line, symbol);
    if (!type.ok()) return type.failure();
    root.type = *type;
    return root;
  }
  root.elements = std::min(link.row.number.value_or(std::max(link.count, 1u)), kMaxRootObjects);
  root.address += static_cast<std::uint64_t>(std::int64_t{link.adjust});
  const auto type = ObjectType(line);
  if (!type.ok()) return type.failure();
  root.type = *type;
  if (!link.target_path.empty()) {
    const auto member = links_.FindMember(table_[*type].structure, link.target_path);
    if (!member.ok()) return member.failure();
    root.address -= member->offset;
  }
  return root;
}

std::optional<std::string> GraphCompiler::FirstSymbol(const Alternatives& names) const {
  for (const std::string& name : names) {
    if (view_.Symbol(name)) return name;
  }
  return std::nullopt;
}

void GraphCompiler::AddRoot(const RootLine& line) {
  if (!reporter_.Applies(line.condition, line.place, "root " + Join(line.names))) return;
  const std::optional<std::string> symbol = FirstSymbol(line.names);
  if (!symbol) {
    reporter_.Report(line.place, "no symbol " + Join(line.names), line.condition.optional);
    return;
  }
  auto root = MakeRoot(line, *symbol);
  if (root.ok() && root->kind == MARROW_ROOT_OBJECT) {
    const marrow_type& type = table_[root->type].type;
    const std::uint64_t bytes = std::uint64_t{root->elements - 1} * type.stride + type.bytes;
    if (bytes > ~root->address) {
      root = Failure{*symbol + " passes the end of the address space"};
    }
  }
  if (root.ok()) {
    graph_->roots.push_back(*root);
  } else if (!root.error().empty()) {
    reporter_.Report(line.place, root.error(), line.condition.optional);
  }
}

void GraphCompiler::AddFields(std::uint32_t type) {
  const std::vector<const Field*> fields = table_[type].fields;
  for (const Field* field : fields) AddField(type, *field);
}

void GraphCompiler::AddField(std::uint32_t type, const Field& field) {
  const EdgeSource source{type, table_[type].structure, table_[type].type.region_class};
  const Link& link = field.link;
  if (!reporter_.Applies(field.condition, field.place, Join(field.path))) return;
  auto member = links_.FindMember(source.structure, field.path);
  std::string problem;
  if (member.ok()) {
    // Of a flexible array, the row of targets starts at its first element.
    const bool row = link.row.number || !link.row.path.empty();
    const std::uint64_t count = link.count != 0             ? link.count
                                : member->count == 0 && row ? 1
                                                            : member->count;
    const FieldWords words{source.structure + "." + Join(field.path),
                           member->offset,
                           member->bytes,
                           count,
                           member->pointer,
                           member->type};
    const auto edges = links_.Compile(link, words, source, field.place, field.condition.optional);
    if (edges.ok()) {
      std::vector<marrow_edge>& all = table_[type].edges;
      all.insert(all.end(), edges->begin(), edges->end());
      return;
    }
    problem = edges.error();
  } else {
    problem = member.error();
  }
  if (!problem.empty()) reporter_.Report(field.place, problem, field.condition.optional);
}

void GraphCompiler::AddOrc(const OrcLine& line) {
  if (!reporter_.Applies(line.condition, line.place, "orc")) return;
  const auto lookup = MakeLookup();
  if (lookup.ok()) {
    graph_->lookups.push_back(*lookup);
  } else {
    reporter_.Report(line.place, "orc: " + lookup.error(), line.condition.optional);
  }
}

Result<marrow_lookup> GraphCompiler::MakeLookup() const {
  constexpr std::uint64_t kKeyBytes = 4;
  constexpr std::uint64_t kMaxTableBytes = std::uint64_t{1} << 32;
  constexpr const char* kNames[] = {"_stext",
                                    "_etext",
                                    "orc_lookup",
                                    "orc_lookup_end",
                                    "__start_orc_unwind_ip",
                                    "__stop_orc_unwind_ip",
                                    "__start_orc_unwind",
                                    "__stop_orc_unwind"};
  std::uint64_t values[std::size(kNames)] = {};
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    const auto gva = view_.Symbol(kNames[i]);
    if (!gva) return Failure{"no symbol " + std::string(kNames[i])};
    values[i] = *gva;
  }
  const auto& [text, text_end, index, index_end, keys, keys_end, entries, entries_end] = values;
  for (std::size_t i = 0; i < std::size(kNames); i += 2) {
    if (values[i + 1] <= values[i] || values[i + 1] - values[i] > kMaxTableBytes) {
      return Failure{std::string(kNames[i + 1]) + " does not lie behind " + kNames[i]};
    }
  }
  marrow_lookup lookup{};
  lookup.text_begin = text;
  lookup.text_end = text_end;
  lookup.index = index;
  lookup.index_count = static_cast<std::uint32_t>((index_end - index) / kKeyBytes);
  lookup.block_bytes = kOrcBlockBytes;
  lookup.keys = keys;
  lookup.entries = entries;
  lookup.entry_count = static_cast<std::uint32_t>((keys_end - keys) / kKeyBytes);
  if (lookup.entry_count == 0 || lookup.index_count < 2) return Failure{"the tables are empty"};
  const std::uint64_t entry_bytes =
      types_.SizeOf("orc_entry").value_or((entries_end - entries) / lookup.entry_count);
  constexpr std::uint64_t kMaxEntryBytes = 4096;
  if (entry_bytes == 0 || entry_bytes > kMaxEntryBytes ||
      entry_bytes * lookup.entry_count > ~entries) {
    return Failure{"the tables do not fit"};
  }
  lookup.entry_bytes = static_cast<std::uint32_t>(entry_bytes);
  return lookup;
}

}  // namespace

std::string GraphTables::Encode() const {
  if (empty()) return "";
  marrow_graph_header complete = header;
  complete.header_bytes = sizeof(marrow_graph_header);
  complete.type_count = static_cast<std::uint32_t>(types.size());
  complete.edge_count = static_cast<std::uint32_t>(edges.size());
  complete.root_count = static_cast<std::uint32_t>(roots.size());
  complete.lookup_count = static_cast<std::uint32_t>(lookups.size());
  std::string block;
  Append(std::vector<marrow_graph_header>{complete}, &block);
  Append(types, &block);
  Append(edges, &block);
  Append(roots, &block);
  Append(lookups, &block);
  return block;
}

Compilation Compile(const Profile& profile, const KernelView& view, const KernelTypes& types) {
  Compilation compilation;
  Resolution resolution = Resolve(profile, view);
  compilation.regions = std::move(resolution.regions);
  compilation.missing = std::move(resolution.missing);
  compilation.skipped = std::move(resolution.skipped);
  GraphCompiler(profile, view, types, &compilation).Run();
  return compilation;
}

}  // namespace marrow::profile
