#include "kv/offline/verify.h"

#include <memory>
#include <utility>

#include "kv/engine/snapshot_chunk.h"
#include "kv/engine/table_check.h"
#include "kv/identity/identity.h"
#include "kv/node/node.h"
#include "kv/offline/overlay_file_system.h"
#include "wal/manual_executor.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kChunkBytes = 1u << 20;
constexpr const char* kReseed =
    "in a cluster: set this directory aside and let the node come back as a new one; alone: "
    "restore a backup";
constexpr const char* kUpgrade = "start it with the version that wrote it, or a later one";

/// A node that is opened and never started asks no clock for anything that matters.
class StillClock final : public net::Clock {
 public:
  [[nodiscard]] std::chrono::microseconds monotonic() const override { return {}; }
  [[nodiscard]] std::uint64_t wall_ms() const override { return 0; }
  void call_after(std::chrono::microseconds, wal::Task) override {}
};

class DirectoryCheck {
 public:
  DirectoryCheck(wal::FileSystem& files, const std::string& dir) : files_(files), dir_(dir) {}

  Result<DirectoryReport> run() {
    const auto there = files_.exists(dir_);
    if (!there) return Error(Errc::kIo, dir_ + ": " + there.error().message());
    if (!*there) return Error(Errc::kIo, dir_ + ": there is no such directory");
    const auto identity_there = files_.exists(dir_ + "/identity");
    if (!identity_there || !*identity_there)
      return Error(Errc::kForeign, dir_ + " is not a data directory: it has no file \"identity\"");
    const auto lock = files_.lock(dir_ + "/LOCK");
    if (!lock) {
      if (lock.error() == boost::system::errc::resource_unavailable_try_again)
        return Error(Errc::kLocked, dir_ + " is open in another process: stop that node first");
      return Error(Errc::kIo, dir_ + "/LOCK: " + lock.error().message());
    }
    if (!check_identity()) return std::move(report_);
    if (report_.cluster == 0) {
      report_.notes.push_back("the node belongs to no cluster yet: there is no data");
      return std::move(report_);
    }
    check_engine_files();
    check_state();
    return std::move(report_);
  }

 private:
  bool check_identity() {
    const auto identity = Identity::look(files_, dir_);
    if (!identity) {
      finding(dir_ + "/identity", identity.error());
      return false;
    }
    report_.node = identity->node();
    report_.cluster = identity->founding().cluster_id;
    return true;
  }

  void finding(const std::string& file, const Error& error) {
    const bool newer = error.code == Errc::kNewerFormat;
    report_.findings.push_back({file, std::nullopt, error.message(), newer ? kUpgrade : kReseed});
  }

  void check_engine_files() {
    const std::string engine = dir_ + "/engine";
    const auto names = files_.list(engine);
    if (!names) return;  // it was never opened, or its absence shows below
    for (const std::string& name : *names) {
      const bool table = name.ends_with(".ldb") || name.ends_with(".sst");
      if (!table && !name.starts_with("MANIFEST-")) continue;
      const std::string path = engine + '/' + name;
      const auto file = files_.open(path, wal::OpenMode::kRead);
      if (!file) {
        finding(path, Error(Errc::kIo, file.error().message()));
        continue;
      }
      if (const auto size = (*file)->size()) report_.bytes += *size;
      bool torn = false;
      const auto fault = table ? check_table(**file) : check_manifest(**file, &torn);
      if (table) ++report_.tables;
      if (torn)
        report_.notes.push_back(path + ": the last record is cut off, as a crash may leave it");
      if (fault) report_.findings.push_back({path, fault->offset, fault->what, kReseed});
    }
  }

  /// The very code that a start runs, over a copy that lives in memory.
  void check_state() {
    OverlayFileSystem overlay(files_);
    StillClock clock;
    wal::ManualExecutor home, log, apply, read;
    NodeSeams seams;
    seams.files = &overlay;
    seams.clock = &clock;
    seams.home = &home;
    seams.log = &log;
    seams.apply = &apply;
    seams.read = &read;
    std::uint64_t chance = 1;
    seams.random = [&chance] { return ++chance; };
    Options options;
    options.data_dir = dir_;
    options.node_id = report_.node;
    {
      const auto node = Node::open(seams, options);
      if (!node) {
        finding(dir_, node.error());
      } else if (Engine* engine = (*node)->engine()) {
        for (const EngineGroup& group : engine->groups()) check_group(*engine, group);
        for (const Node::GroupStatus& status : (*node)->groups()) {
          for (VerifiedGroup& group : report_.groups) {
            if (group.group == status.group) group.last = status.last;
          }
        }
      }
    }
    for (wal::ManualExecutor* e : {&home, &log, &apply, &read}) e->drop_all();
  }

  void check_group(Engine& engine, const EngineGroup& group) {
    VerifiedGroup& out = report_.groups.emplace_back();
    out.group = group.group;
    out.applied = group.applied;
    const auto wrong = [&](const std::string& what) {
      report_.findings.push_back({dir_ + "/engine", std::nullopt,
                                  "group " + std::to_string(group.group) + ": " + what, kReseed});
    };
    auto source = engine.snapshot(group.group);
    if (!source) return wrong("its state cannot be read: " + source.error().message());
    ChunkReader reader;
    for (;;) {
      const auto chunk = (*source)->next(kChunkBytes);
      if (!chunk) return wrong("its state cannot be read: " + chunk.error().message());
      if (!chunk->has_value()) break;
      if (!reader.read(**chunk)) return wrong("its state cannot be read as a stream");
      while (*reader.next()) {
        ++out.entries;
        if (!acceptable_record(reader.key(), reader.value()))
          return wrong("a record is not what its space allows, or its hash does not hold");
      }
    }
    if (reader.tail()) out.digest = to_hex(reader.tail()->digest);
  }

  wal::FileSystem& files_;
  const std::string dir_;
  DirectoryReport report_;
};

}  // namespace

Result<DirectoryReport> verify_directory(wal::FileSystem& files, const std::string& dir) {
  return DirectoryCheck(files, dir).run();
}

}  // namespace cairn::kv
