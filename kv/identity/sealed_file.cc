// Header, 32 bytes, little-endian: 8 bytes "cairn-id", u16 kind, u16 format version, u32 zero,
// u64 payload bytes, u64 xxh3 of the header's first 24 bytes and the payload. Payload behind it.
#include "kv/identity/sealed_file.h"

#include "kv/command/byte_reader.h"
#include "kv/placement/hash.h"

namespace cairn::kv {
namespace {

constexpr std::string_view kMagic = "cairn-id";
constexpr std::size_t kSealedBytes = 24;  // of the header, before the checksum
constexpr std::size_t kHeadBytes = 32;

std::string path_of(const std::string& dir, std::string_view name) {
  return std::string(dir).append("/").append(name);
}

Error damaged(const SealedFileKind& kind, std::string_view what) {
  return Error(Errc::kCorrupt, std::string(kind.name).append(": ").append(what));
}

Error failed(std::string_view file, std::string_view what, const boost::system::error_code& why) {
  return Error(Errc::kIo,
               std::string(file).append(": ").append(what).append(": ").append(why.message()));
}

/// Before anything was synced or renamed: a full disk has done no harm then.
Error no_room_or_failed(std::string_view file, std::string_view what,
                        const boost::system::error_code& why) {
  Error error = failed(file, what, why);
  if (why == boost::system::errc::no_space_on_device) error.code = Errc::kDiskFull;
  return error;
}

std::uint64_t checksum_of(std::string_view head, std::string_view payload) {
  return hash_bytes(payload,
                    {.id = kHashXxh3, .seed = hash_bytes(head.substr(0, kSealedBytes), {})});
}

Result<std::string> open_seal(const std::string& bytes, const SealedFileKind& kind) {
  const std::string_view all = bytes;
  if (all.size() < kHeadBytes) return damaged(kind, "cut short");
  if (all.substr(0, kMagic.size()) != kMagic) return damaged(kind, "not a file of this kind");
  ByteReader head(all.substr(kMagic.size(), kHeadBytes - kMagic.size()));
  const auto number = head.number<std::uint16_t>();
  const auto version = head.number<std::uint16_t>();
  const auto zero = head.number<std::uint32_t>();
  const auto length = head.number<std::uint64_t>();
  const auto checksum = head.number<std::uint64_t>();
  const std::string_view payload = all.substr(kHeadBytes);
  // The seal of every version covers the whole rest of the file, so that damage to the version
  // field is not taken for a newer format.
  if (checksum != checksum_of(all, payload)) return damaged(kind, "bad checksum");
  if (number != kind.number || version == 0) return damaged(kind, "not a file of this kind");
  if (version > kind.version) {
    return Error(Errc::kNewerFormat, std::string(kind.name) + ": written by a newer version");
  }
  if (zero != 0 || length != payload.size()) return damaged(kind, "bad header");
  return std::string(payload);
}

std::string seal(const SealedFileKind& kind, std::string_view payload) {
  std::string bytes(kMagic);
  append_le(kind.number, bytes);
  append_le(kind.version, bytes);
  append_le(std::uint32_t{0}, bytes);
  append_le(std::uint64_t{payload.size()}, bytes);
  append_le(checksum_of(bytes, payload), bytes);
  bytes += payload;
  return bytes;
}

Result<std::string> read_all(wal::FileSystem& files, const std::string& path,
                             const SealedFileKind& kind) {
  const auto file = files.open(path, wal::OpenMode::kRead);
  if (!file) return failed(kind.name, "open", file.error());
  const auto size = (*file)->size();
  if (!size) return failed(kind.name, "size", size.error());
  if (*size > kHeadBytes + kind.payload_bytes_max) return damaged(kind, "too large");
  std::string bytes(static_cast<std::size_t>(*size), '\0');
  const auto count = (*file)->read_at(0, bytes);
  if (!count) return failed(kind.name, "read", count.error());
  bytes.resize(*count);
  return bytes;
}

}  // namespace

Result<std::optional<std::string>> read_sealed(wal::FileSystem& files, const std::string& dir,
                                               const SealedFileKind& kind) {
  const std::string path = path_of(dir, kind.name);
  const auto there = files.exists(path);
  if (!there) return failed(kind.name, "look", there.error());
  if (!*there) return std::optional<std::string>();
  const Result<std::string> bytes = read_all(files, path, kind);
  if (!bytes) return bytes.error();
  const Result<std::string> payload = open_seal(*bytes, kind);
  if (!payload) return payload.error();
  return std::optional<std::string>(*payload);
}

Result<void> write_sealed(wal::FileSystem& files, const std::string& dir,
                          const SealedFileKind& kind, std::string_view payload) {
  const std::string path = path_of(dir, kind.name);
  const std::string fresh = path + ".new";
  {
    const auto file = files.open(fresh, wal::OpenMode::kCreateTruncate);
    if (!file) return no_room_or_failed(kind.name, "create", file.error());
    if (const auto done = (*file)->write_at(0, seal(kind, payload)); !done) {
      return no_room_or_failed(kind.name, "write", done.error());
    }
    if (const auto done = (*file)->sync(); !done) return failed(kind.name, "sync", done.error());
  }
  if (const auto done = files.rename(fresh, path); !done) {
    return failed(kind.name, "rename", done.error());
  }
  if (const auto done = files.sync_directory(dir); !done) {
    return failed(kind.name, "sync directory", done.error());
  }
  return {};
}

}  // namespace cairn::kv
