#include "kv/identity/quarantine.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>
#include <vector>

#include "kv/command/byte_reader.h"
#include "kv/identity/founding_record.h"
#include "kv/identity/sealed_file.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kWhyBytesMax = 4'096;
/// Both hold the same; the mark goes when all is moved, the memory stays.
constexpr std::size_t kLifeBytesMax = kClusterRecordBytesMax + (256u << 10);
constexpr SealedFileKind kMark{
    .name = "set-aside", .number = 4, .version = 2, .payload_bytes_max = kLifeBytesMax};
constexpr SealedFileKind kFormer{
    .name = "former", .number = 5, .version = 1, .payload_bytes_max = kLifeBytesMax};
constexpr std::string_view kFolder = "quarantine";
constexpr std::string_view kNote = "note";
// The identity last: without it, nothing of the rest is taken for this node's.
constexpr const char* kContent[] = {"cluster", "peers", "wal", "engine", "identity"};

std::string folder_of(const std::string& dir, std::uint64_t number) {
  return dir + "/" + std::string(kFolder) + "/" + std::to_string(number);
}

Error failed(const std::string& path, const boost::system::error_code& why) {
  const bool full = why == boost::system::errc::no_space_on_device;
  return Error(full ? Errc::kDiskFull : Errc::kIo, path + ": " + why.message());
}

std::vector<std::uint64_t> numbers(wal::FileSystem& files, const std::string& dir) {
  std::vector<std::uint64_t> found;
  const auto names = files.list(dir + "/" + std::string(kFolder));
  if (!names) return found;  // there is none yet
  for (const std::string& name : *names) {
    std::uint64_t number = 0;
    const auto end = std::from_chars(name.data(), name.data() + name.size(), number);
    if (end.ec == std::errc() && end.ptr == name.data() + name.size()) found.push_back(number);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::uint64_t next_number(wal::FileSystem& files, const std::string& dir) {
  const auto found = numbers(files, dir);
  return found.empty() ? 1 : found.back() + 1;
}

void append_sized(std::string_view bytes, std::string& out) {
  append_le(static_cast<std::uint32_t>(bytes.size()), out);
  out += bytes;
}

std::string encode(const FormerLife& life) {
  std::string out;
  append_le(life.folder, out);
  append_le(life.wall_ms, out);
  append_sized(std::string_view(life.why).substr(0, kWhyBytesMax), out);
  append_sized(encode_founding_record(life.founding), out);
  append_sized(encode_cluster_record(life.record), out);
  return out;
}

std::optional<FormerLife> decode(std::string_view payload) {
  ByteReader in(payload);
  FormerLife life;
  life.folder = in.number<std::uint64_t>();
  life.wall_ms = in.number<std::uint64_t>();
  life.why = std::string(in.bytes(in.number<std::uint32_t>()));
  const auto founding = decode_founding_record(in.bytes(in.number<std::uint32_t>()));
  const auto record = decode_cluster_record(in.bytes(in.number<std::uint32_t>()));
  if (!in.done() || life.why.size() > kWhyBytesMax || !founding || !record) return std::nullopt;
  if (founding->cluster_id != record->cluster_id) return std::nullopt;
  life.founding = *founding;
  life.record = *record;
  return life;
}

Result<std::optional<FormerLife>> read(wal::FileSystem& files, const std::string& dir,
                                       const SealedFileKind& kind) {
  const auto bytes = read_sealed(files, dir, kind);
  if (!bytes) return bytes.error();
  if (!bytes->has_value()) return std::optional<FormerLife>();
  auto life = decode(**bytes);
  if (!life) return Error(Errc::kCorrupt, std::string(kind.name) + ": bad content");
  return std::optional<FormerLife>(std::move(*life));
}

std::string time_text(std::uint64_t wall_ms) {
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, size};
}

/// For people, and never read again by us: on a full disk there is none. To move needs no space,
/// and what is pruned afterwards gives some back.
Result<void> write_note(wal::FileSystem& files, const std::string& folder, const std::string& why,
                        std::uint64_t wall_ms) {
  const std::string path = folder + "/" + std::string(kNote);
  const std::string text = "why:  " + why + "\nwhen: " + time_text(wall_ms) +
                           "\nThese data are not used any more. Once the node is ready again, "
                           "they may be removed.\n";
  const auto write = [&]() -> wal::Result<void> {
    const auto file = files.open(path, wal::OpenMode::kCreateTruncate);
    if (!file) return file.error();
    if (const auto done = (*file)->write_at(0, text); !done) return done.error();
    return (*file)->sync();
  };
  const auto done = write();
  if (!done && done.error() != boost::system::errc::no_space_on_device)
    return failed(path, done.error());
  return {};
}

Result<void> make_folder(wal::FileSystem& files, const std::string& dir,
                         const std::string& folder) {
  if (const auto made = files.create_directories(folder); !made)
    return failed(folder, made.error());
  for (const std::string& path : {dir + "/" + std::string(kFolder), dir})
    if (const auto synced = files.sync_directory(path); !synced)
      return failed(path, synced.error());
  return {};
}

/// After a crash in the middle of a move both names may be there; they may even be one file's, and
/// then a rename of one to the other does nothing.
Result<std::string> free_name(wal::FileSystem& files, const std::string& path) {
  std::string name = path;
  for (int n = 2;; ++n) {
    const auto there = files.exists(name);
    if (!there) return failed(name, there.error());
    if (!*there) return name;
    name = path + "." + std::to_string(n);
  }
}

Result<void> move_into(wal::FileSystem& files, const std::string& dir, const std::string& folder,
                       std::span<const char* const> content) {
  for (const char* name : content) {
    const std::string from = dir + "/" + name;
    const auto there = files.exists(from);
    if (!there) return failed(from, there.error());
    if (!*there) continue;
    const auto to = free_name(files, folder + "/" + name);
    if (!to) return to.error();
    if (const auto moved = files.rename(from, *to); !moved) return failed(from, moved.error());
  }
  for (const std::string& path : {folder, dir})
    if (const auto synced = files.sync_directory(path); !synced)
      return failed(path, synced.error());
  return {};
}

/// What fails is tried again with the next folder: nothing depends on it.
void remove_tree(wal::FileSystem& files, const std::string& path, int depth) {
  const auto names = files.list(path);
  if (!names || depth == 0) {
    (void)files.remove(path);
    return;
  }
  for (const std::string& name : *names) remove_tree(files, path + "/" + name, depth - 1);
  (void)files.remove_directory(path);
}

void prune(wal::FileSystem& files, const std::string& dir) {
  constexpr int kDepth = 3;  // folder, engine or log, file
  const auto found = numbers(files, dir);
  for (std::size_t i = 0; i + kQuarantinesKept < found.size(); ++i)
    remove_tree(files, folder_of(dir, found[i]), kDepth);
}

}  // namespace

Result<void> mark_for_setting_aside(wal::FileSystem& files, const std::string& dir,
                                    FormerLife life) {
  life.folder = next_number(files, dir);
  if (auto done = write_sealed(files, dir, kFormer, encode(life)); !done) return done;
  return write_sealed(files, dir, kMark, encode(life));
}

Result<bool> is_marked_for_setting_aside(wal::FileSystem& files, const std::string& dir) {
  const std::string path = dir + "/" + std::string(kMark.name);
  const auto there = files.exists(path);
  if (!there) return failed(path, there.error());
  return *there;
}

Result<std::string> set_aside_if_marked(wal::FileSystem& files, const std::string& dir) {
  const auto life = read(files, dir, kMark);
  if (!life) return life.error();
  if (!life->has_value()) return std::string();
  const std::string folder = folder_of(dir, (*life)->folder);
  if (auto made = make_folder(files, dir, folder); !made) return made.error();
  if (auto noted = write_note(files, folder, (*life)->why, (*life)->wall_ms); !noted)
    return noted.error();
  if (auto moved = move_into(files, dir, folder, kContent); !moved) return moved.error();
  const std::string path = dir + "/" + std::string(kMark.name);
  if (const auto removed = files.remove(path); !removed) return failed(path, removed.error());
  if (const auto synced = files.sync_directory(dir); !synced) return failed(dir, synced.error());
  prune(files, dir);
  return folder;
}

Result<std::optional<FormerLife>> read_former_life(wal::FileSystem& files, const std::string& dir) {
  return read(files, dir, kFormer);
}

Result<std::string> set_engine_aside(wal::FileSystem& files, const std::string& dir,
                                     const std::string& why, std::uint64_t wall_ms) {
  static constexpr const char* kEngine[] = {"engine"};
  const std::string folder = folder_of(dir, next_number(files, dir));
  if (auto made = make_folder(files, dir, folder); !made) return made.error();
  if (auto noted = write_note(files, folder, why, wall_ms); !noted) return noted.error();
  if (auto moved = move_into(files, dir, folder, kEngine); !moved) return moved.error();
  prune(files, dir);
  return folder;
}

std::size_t quarantines(wal::FileSystem& files, const std::string& dir) {
  return numbers(files, dir).size();
}

}  // namespace cairn::kv
