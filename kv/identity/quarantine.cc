#include "kv/identity/quarantine.h"

#include "kv/command/byte_reader.h"
#include "kv/identity/sealed_file.h"

namespace cairn::kv {
namespace {

/// Its payload is the number of the folder, u64, chosen when the mark is made.
constexpr SealedFileKind kMark{
    .name = "set-aside", .number = 4, .version = 1, .payload_bytes_max = 64};
constexpr std::string_view kFolder = "set-aside-";
// The identity last but one: without it, nothing of the rest is taken for this node's.
constexpr const char* kContent[] = {"cluster", "peers", "wal", "engine", "identity"};

std::string folder_of(const std::string& dir, std::uint64_t number) {
  return dir + "/" + std::string(kFolder) + std::to_string(number);
}

Error failed(const std::string& path, const boost::system::error_code& why) {
  return Error(Errc::kIo, path + ": " + why.message());
}

Result<void> move_content(wal::FileSystem& files, const std::string& dir,
                          const std::string& folder) {
  for (const char* name : kContent) {
    const std::string from = dir + "/" + name;
    const auto there = files.exists(from);
    if (!there) return failed(from, there.error());
    if (!*there) continue;
    if (const auto moved = files.rename(from, folder + "/" + name); !moved)
      return failed(from, moved.error());
  }
  for (const std::string& path : {folder, dir})
    if (const auto synced = files.sync_directory(path); !synced)
      return failed(path, synced.error());
  return {};
}

}  // namespace

Result<void> mark_for_setting_aside(wal::FileSystem& files, const std::string& dir) {
  std::uint64_t number = 1;
  for (;; ++number) {
    const auto there = files.exists(folder_of(dir, number));
    if (!there) return failed(folder_of(dir, number), there.error());
    if (!*there) break;
  }
  std::string payload;
  append_le(number, payload);
  return write_sealed(files, dir, kMark, payload);
}

Result<std::string> set_aside_if_marked(wal::FileSystem& files, const std::string& dir) {
  const auto mark = read_sealed(files, dir, kMark);
  if (!mark) return mark.error();
  if (!mark->has_value()) return std::string();
  ByteReader in(**mark);
  const std::string folder = folder_of(dir, in.number<std::uint64_t>());
  if (!in.done()) return Error(Errc::kCorrupt, "set-aside: bad content");
  if (const auto made = files.create_directories(folder); !made)
    return failed(folder, made.error());
  if (auto moved = move_content(files, dir, folder); !moved) return moved.error();
  const std::string path = dir + "/" + std::string(kMark.name);
  if (const auto removed = files.remove(path); !removed) return failed(path, removed.error());
  if (const auto synced = files.sync_directory(dir); !synced) return failed(dir, synced.error());
  return folder;
}

}  // namespace cairn::kv
