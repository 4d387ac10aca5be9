// Writes the seeds of the fuzzers' corpora, and the golden files of the formats as this version
// writes them. Run by hand when a format gets a new version; what it wrote is in the tree.
//
//   make_corpus CORPUS-DIRECTORY GOLDEN-DIRECTORY
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "kv/backup/backup_format.h"
#include "kv/command/command.h"
#include "kv/door/messages.h"
#include "kv/engine/bytes.h"
#include "kv/sim/world.h"
#include "net/frame.h"
#include "tests/net/random_messages.h"
#include "wal/segment.h"

namespace {

using namespace cairn;
namespace fs = std::filesystem;

void write(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

template <class T>
T finish(kv::sim::World& world, const kv::sim::CallPtr<T>& call) {
  world.run_until([&] { return call->done(); }, std::chrono::seconds{30});
  return std::move(**call->answer);
}

kv::sim::WorldOptions small_world() {
  kv::sim::WorldOptions o;
  o.seed = 1;
  o.nodes = 1;
  o.adjust = [](kv::Options& options) {
    options.partitions = 2;
    options.segment_bytes = 64u << 10;
  };
  return o;
}

std::string backup_of(kv::sim::World& world) {
  const auto handle = finish(world, world.call<std::uint64_t>(1, [](kv::Node& n, auto done) {
    n.backup(std::move(done));
  }));
  using Piece = std::optional<std::string>;
  std::string all;
  for (;;) {
    const auto piece = finish(world, world.call<Piece>(1, [handle](kv::Node& n, auto done) {
      n.backup_next(handle, std::move(done));
    }));
    if (!piece) return all;
    all += *piece;
  }
}

/// A node that has lived twice, and its backup.
std::string live(kv::sim::World& world, const fs::path& golden) {
  world.start_all();
  world.run_until([&] { return world.all_ready(); }, std::chrono::seconds{10});
  for (int i = 0; i < 5; ++i) {
    finish(world, world.put(1, "key" + std::to_string(i), "value " + std::to_string(i)));
  }
  kv::WriteOptions once;
  once.idempotency_key = "once";
  finish(world, world.put(1, "once", "1", once));
  world.stop(1);
  world.start_all();
  world.run_until([&] { return world.all_ready(); }, std::chrono::seconds{10});
  finish(world, world.remove(1, "key3"));
  const std::string backup = backup_of(world);
  world.stop(1);
  for (const auto& [path, bytes] : world.disk(1).image().files) {
    // Spare segments are content of no meaning.
    if (path.find("spare-") == std::string::npos)
      write(golden / fs::path(path).relative_path(), bytes);
  }
  write(golden / "backup", backup);
  return backup;
}

void snapshot_seeds(const fs::path& corpus, std::string_view backup) {
  std::string seed(1, '\0');
  int number = 0;
  std::size_t at = kv::kBackupHeaderBytes;
  while (at + kv::kBackupBlockHeadBytes < backup.size()) {
    const auto length = kv::FieldReader(backup.substr(at + 12)).le<std::uint32_t>();
    kv::append_sized(seed, backup.substr(at + kv::kBackupBlockHeadBytes, length));
    if (kv::FieldReader(backup.substr(at + 4)).le<std::uint32_t>() != kv::kBackupChunk) return;
    write(corpus / "snapshot_stream" / ("partition" + std::to_string(number++)), seed);
    seed.assign(1, '\0');
    at += kv::kBackupBlockHeadBytes + length + 8;
  }
}

void command_seeds(const fs::path& corpus) {
  kv::Command put;
  put.operations.push_back({kv::Operation::Kind::kPut, "key", "value"});
  put.operations.push_back({kv::Operation::Kind::kRemove, "other", {}});
  put.idempotency_key = "once";
  write(corpus / "command" / "write", kv::encode_command(put));
  write(corpus / "command" / "entry", *kv::make_entry({7, 8, 0}, kv::encode_command(put)));
  kv::Command prefix;
  prefix.kind = kv::CommandKind::kRemovePrefix;
  prefix.prefix = "p";
  prefix.limit = 3;
  write(corpus / "command" / "prefix", kv::encode_command(prefix));
  write(corpus / "command" / "answer", kv::encode_answer({}));
}

void frame_seeds(const fs::path& corpus) {
  for (std::size_t kind = 0; kind < net::test::kMessageKinds; ++kind) {
    net::test::Random random(3);
    std::string frame;
    net::encode_frame(net::test::random_message(random, kind), net::test::kCluster,
                      net::test::kFrom, net::test::kTo, frame);
    const auto header = net::parse_frame_header(frame, net::kFrameBytesMax);
    std::string seed(1, static_cast<char>(header.value().type));
    seed += '\0';
    seed += frame.substr(net::kFrameHeaderBytes, 4'000);
    write(corpus / "frame" / ("kind" + std::to_string(kind)), seed);
  }
}

template <class Message>
void door_seed(const fs::path& corpus, const char* name, char kind, const Message& message) {
  std::string frame;
  kv::door::encode(message, {1, 2, 3}, frame);
  write(corpus / "door" / name, std::string{kind, '\0'} + frame.substr(net::kFrameHeaderBytes));
  if (kind == 0) write(corpus / "door" / "frame", std::string{kind, '\1'} + frame);
}

void door_seeds(const fs::path& corpus) {
  using namespace kv::door;
  kv::ClusterMap map;
  map.epoch = 3;
  map.doors = {{1, "127.0.0.1:7001"}, {2, "127.0.0.1:7002"}};
  map.partitions = {{1, 5, {1, 2}}, {0, 0, {}}};
  kv::Command write;
  write.operations = {{kv::Operation::Kind::kPut, "key", "value"},
                      {kv::Operation::Kind::kRemove, "other", {}}};
  write.idempotency_key = "once";
  write.session = {5, 6, 4};
  kv::ScanOptions scan;
  scan.prefix = "p";
  scan.cursor = "c";
  kv::ScanResult page;
  page.items = {{"k", "v", 1, 2, 3}, {"l", "", 4, 5, 6}};
  page.next = "cursor";
  door_seed(corpus, "client_hello", 0, ClientHello{});
  door_seed(corpus, "server_hello", 1, ServerHello{1, 1 << 20, 64, 1 << 20, 5'000, map});
  door_seed(corpus, "write", 2, Request{1, 2, write});
  door_seed(corpus, "get", 2, Request{1, 2, Get{"key", 3, kv::Consistency::kEventual}});
  door_seed(corpus, "scan", 2, Request{1, 2, scan});
  door_seed(corpus, "open_session", 2, Request{1, 2, OpenSession{3, 4}});
  door_seed(corpus, "failure", 3,
            Reply{1, Failure{kv::Error(kv::Errc::kNoLeader, "why"), {}, {}, 2}});
  door_seed(corpus, "written", 3, Reply{1, Written{1, 2, 3, true, false, page.items[0]}});
  door_seed(corpus, "item", 3, Reply{1, kv::ReadResult{page.items[0], 9}});
  door_seed(corpus, "page", 3, Reply{1, page});
  door_seed(corpus, "map", 4, map);
  door_seed(corpus, "goodbye", 5, Goodbye{Reason::kBusy, 1000});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "error: usage: make_corpus CORPUS-DIRECTORY GOLDEN-DIRECTORY\n");
    return 2;
  }
  const fs::path corpus = argv[1], golden = argv[2];
  kv::sim::World world(small_world());
  const std::string backup = live(world, golden);
  write(corpus / "backup" / "small", std::string(1, '\0') + backup);
  write(corpus / "backup" / "as-is", std::string(1, '\1') + backup);
  snapshot_seeds(corpus, backup);
  for (const auto& [path, bytes] : world.disk(1).image().files) {
    if (path.find("/wal-") == std::string::npos) continue;
    // Its content lies at the front; most of a segment is unused.
    const std::string name = fs::path(path).filename();
    write(corpus / "wal" / name, std::string(1, '\0') + bytes.substr(0, 4'000));
  }
  command_seeds(corpus);
  frame_seeds(corpus);
  door_seeds(corpus);
  return 0;
}
