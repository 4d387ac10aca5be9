// The backup reader. With an even first byte the checks of header and blocks are made right, so
// that what is behind them is reached.
#include <algorithm>

#include "kv/backup/backup_format.h"
#include "kv/engine/bytes.h"
#include "kv/engine/hash.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace cairn;

void put(std::string& bytes, std::size_t at, std::uint64_t value) {
  std::string number;
  kv::append_le(number, value);
  bytes.replace(at, 8, number);
}

void seal(std::string& bytes) {
  const std::string_view all = bytes;
  if (bytes.size() < kv::kBackupHeaderBytes) return;
  put(bytes, kv::kBackupHeaderBytes - 8, kv::hash64(all.substr(0, kv::kBackupHeaderBytes - 8)));
  std::uint64_t chain = kv::hash64(all.substr(0, kv::kBackupHeaderBytes));
  for (std::size_t at = kv::kBackupHeaderBytes; at + kv::kBackupBlockHeadBytes <= bytes.size();) {
    const auto length = kv::FieldReader(all.substr(at + 12)).le<std::uint32_t>();
    chain = kv::hash64(all.substr(at, 16), chain);
    put(bytes, at + 16, chain);
    at += kv::kBackupBlockHeadBytes;
    if (length > bytes.size() - at || bytes.size() - at - length < 8) return;
    chain = kv::hash64(all.substr(at, length), chain);
    put(bytes, at + length, chain);
    at += length + 8;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(fuzz::view_of(data + 1, size - 1));
  if (data[0] % 2 == 0) seal(bytes);
  // One block at a time; its length is believed once its own check holds, up to kBackupBlockMax.
  const fuzz::AllocationCap cap(2 * kv::kBackupBlockMax + 8 * size + (64u << 10));
  kv::BackupVisitor nobody;
  kv::BackupFault fault;
  (void)kv::walk_backup(
      [&](std::uint64_t offset, std::span<char> out) -> boost::system::result<std::size_t> {
        if (offset >= bytes.size()) return std::size_t{0};
        const std::size_t n = std::min<std::uint64_t>(out.size(), bytes.size() - offset);
        std::copy_n(bytes.data() + offset, n, out.data());
        return n;
      },
      nobody, &fault);
  return 0;
}
