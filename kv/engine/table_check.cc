#include "kv/engine/table_check.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <string_view>
#include <vector>

#include "kv/engine/bytes.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kFooterBytes = 48;
constexpr std::uint64_t kTableMagic = 0xdb4775248b80fb57;
constexpr std::size_t kBlockTrailerBytes = 5;           // type, check
constexpr std::uint64_t kBlockBytesMax = 256ull << 20;  // an index block of a huge table
constexpr std::size_t kLogBlockBytes = 32u << 10;
constexpr std::size_t kLogHeaderBytes = 7;  // check, length, type

/// LevelDB stores CRC-32C rotated and offset, because checks of checks are weak.
std::uint32_t masked_crc(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const std::uint32_t value = crc.checksum();
  return ((value >> 15) | (value << 17)) + 0xa282ead8u;
}

struct Handle {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t end() const { return offset + size + kBlockTrailerBytes; }
};

bool take_varint(std::string_view& bytes, std::uint64_t* value) {
  *value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    *value |= std::uint64_t{byte & 0x7fu} << shift;
    // Nobody writes a number longer than it is: that is a flipped bit before a zero.
    if ((byte & 0x80u) == 0) return byte != 0 || shift == 0;
  }
  return false;
}

bool take_handle(std::string_view& bytes, Handle* handle) {
  return take_varint(bytes, &handle->offset) && take_varint(bytes, &handle->size);
}

FileFault unread(std::uint64_t offset, const boost::system::error_code& why) {
  return {offset, "cannot be read: " + why.message(), true};
}

class TableCheck {
 public:
  explicit TableCheck(const wal::File& file) : file_(file) {}

  std::optional<FileFault> run() {
    const auto size = file_.size();
    if (!size) return unread(0, size.error());
    size_ = *size;
    Handle metaindex, index;
    if (!read_footer(&metaindex, &index)) return fault_;
    std::vector<Handle> blocks;
    if (!read_handles(index, &blocks) || !read_handles(metaindex, &blocks)) return fault_;
    for (const Handle& block : blocks) {
      std::string ignored;
      if (!read_block(block, &ignored)) return fault_;
    }
    blocks.push_back(metaindex);
    blocks.push_back(index);
    return uncovered(std::move(blocks));
  }

 private:
  bool wrong(std::uint64_t offset, std::string what) {
    fault_ = FileFault{offset, std::move(what)};
    return false;
  }
  bool read(std::uint64_t offset, std::size_t size, std::string* out) {
    out->resize(size);
    const auto got = file_.read_at(offset, {out->data(), size});
    if (!got) {
      fault_ = unread(offset, got.error());
      return false;
    }
    return *got == size || wrong(offset + *got, "the file is shorter than it was");
  }

  bool read_footer(Handle* metaindex, Handle* index) {
    if (size_ < kFooterBytes) return wrong(0, "the file is too short for a table");
    const std::uint64_t at = size_ - kFooterBytes;
    std::string footer;
    if (!read(at, kFooterBytes, &footer)) return false;
    FieldReader magic(std::string_view(footer).substr(kFooterBytes - 8));
    std::string_view handles = std::string_view(footer).substr(0, kFooterBytes - 8);
    if (magic.le<std::uint64_t>() != kTableMagic || !take_handle(handles, metaindex) ||
        !take_handle(handles, index) || handles.find_first_not_of('\0') != std::string_view::npos) {
      return wrong(at, "the footer is damaged");
    }
    return true;
  }

  bool read_block(const Handle& handle, std::string* content) {
    if (handle.offset > size_ || handle.size > size_ - handle.offset || handle.end() > size_ ||
        handle.size > kBlockBytesMax) {
      return wrong(handle.offset, "a block reaches past the end of the file");
    }
    if (!read(handle.offset, handle.size + kBlockTrailerBytes, content)) return false;
    const std::string_view all = *content;
    FieldReader check(all.substr(handle.size + 1));
    if (check.le<std::uint32_t>() != masked_crc(all.substr(0, handle.size + 1))) {
      return wrong(handle.offset, "a block's checksum does not hold");
    }
    // Written uncompressed: any other type is none of ours.
    if (all[handle.size] != 0) return wrong(handle.offset, "a block is compressed");
    content->resize(handle.size);
    return true;
  }

  /// The handles that the entries of an index block hold.
  bool read_handles(const Handle& handle, std::vector<Handle>* blocks) {
    std::string content;
    if (!read_block(handle, &content)) return false;
    if (content.size() < 4) return wrong(handle.offset, "an index block is malformed");
    const auto restarts =
        FieldReader(std::string_view(content).substr(content.size() - 4)).le<std::uint32_t>();
    if (restarts > (content.size() - 4) / 4) {
      return wrong(handle.offset, "an index block is malformed");
    }
    std::string_view entries =
        std::string_view(content).substr(0, content.size() - 4 - std::size_t{restarts} * 4);
    while (!entries.empty()) {
      std::uint64_t shared = 0, own = 0, length = 0;
      Handle block;
      const bool sized = take_varint(entries, &shared) && take_varint(entries, &own) &&
                         take_varint(entries, &length) && own <= entries.size() &&
                         length <= entries.size() - own;
      if (!sized) return wrong(handle.offset, "an index block is malformed");
      std::string_view value = entries.substr(own, length);
      entries.remove_prefix(own + length);
      if (!take_handle(value, &block)) return wrong(handle.offset, "an index block is malformed");
      blocks->push_back(block);
    }
    return true;
  }

  /// Blocks lie side by side from 0 to the footer: a byte between them is nobody's.
  std::optional<FileFault> uncovered(std::vector<Handle> blocks) {
    std::sort(blocks.begin(), blocks.end(),
              [](const Handle& a, const Handle& b) { return a.offset < b.offset; });
    std::uint64_t at = 0;
    for (const Handle& block : blocks) {
      if (block.offset != at) return FileFault{at, "no block covers these bytes"};
      at = block.end();
    }
    if (at != size_ - kFooterBytes) return FileFault{at, "no block covers these bytes"};
    return std::nullopt;
  }

  const wal::File& file_;
  std::uint64_t size_ = 0;
  std::optional<FileFault> fault_;
};

}  // namespace

std::optional<FileFault> check_table(const wal::File& file) {
  return TableCheck(file).run();
}

std::optional<FileFault> check_manifest(const wal::File& file, bool* torn) {
  *torn = false;
  const auto size = file.size();
  if (!size) return unread(0, size.error());
  std::string block(kLogBlockBytes, '\0');
  for (std::uint64_t at = 0; at < *size; at += kLogBlockBytes) {
    const auto got = file.read_at(at, {block.data(), block.size()});
    if (!got) return unread(at, got.error());
    const bool last = at + *got >= *size;
    std::string_view rest = std::string_view(block).substr(0, *got);
    while (rest.size() >= kLogHeaderBytes) {
      const std::uint64_t offset = at + *got - rest.size();
      FieldReader in(rest);
      const auto check = in.le<std::uint32_t>();
      const auto length = in.le<std::uint16_t>();
      if (length > rest.size() - kLogHeaderBytes) {
        *torn = last;
        if (last) return std::nullopt;
        return FileFault{offset, "a record reaches past its block"};
      }
      if (check != masked_crc(rest.substr(6, std::size_t{1} + length))) {
        return FileFault{offset, "a record's checksum does not hold"};
      }
      rest.remove_prefix(kLogHeaderBytes + length);
    }
    if (last && !rest.empty()) *torn = true;
  }
  return std::nullopt;
}

std::string find_damage(wal::FileSystem& files, const std::string& directory,
                        std::uint64_t bytes_max) {
  const auto names = files.list(directory);
  if (!names) return {};
  std::uint64_t looked_at = 0;
  for (const std::string& name : *names) {
    const bool table = name.ends_with(".ldb") || name.ends_with(".sst");
    if (!table && !name.starts_with("MANIFEST-")) continue;
    const std::string path = directory + '/' + name;
    const auto file = files.open(path, wal::OpenMode::kRead);
    if (!file) continue;
    const auto size = (*file)->size();
    if (!size || looked_at + *size > bytes_max) continue;
    looked_at += *size;
    bool torn = false;
    const auto fault = table ? check_table(**file) : check_manifest(**file, &torn);
    if (fault && !fault->unread)
      return path + " at " + std::to_string(fault->offset) + ": " + fault->what;
  }
  return {};
}

}  // namespace cairn::kv
