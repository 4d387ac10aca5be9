// The snapshot stream's reader. The input is a series of chunks, each with a length before it; with
// an even first byte their checksums and chain are made right, so that what is behind is reached.
#include "kv/engine/bytes.h"
#include "kv/engine/hash.h"
#include "kv/engine/snapshot_chunk.h"
#include "tests/fuzz/fuzz.h"

namespace {

/// Chain at 12, checksum in the last 8 bytes.
void seal(std::string& chunk, std::uint64_t chain) {
  if (chunk.size() < 32) return;
  std::string number;
  cairn::kv::append_le(number, chain);
  chunk.replace(12, 8, number);
  number.clear();
  cairn::kv::append_le(number,
                       cairn::kv::hash64(std::string_view(chunk).substr(0, chunk.size() - 8)));
  chunk.replace(chunk.size() - 8, 8, number);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  if (size == 0) return 0;
  kv::FieldReader in(fuzz::view_of(data + 1, size - 1));
  const fuzz::AllocationCap cap(8 * size + (64u << 10));
  kv::ChunkReader reader;
  std::uint64_t chain = 0;
  while (!in.rest().empty()) {
    std::string chunk(in.sized());
    if (!in.ok()) break;
    if (data[0] % 2 == 0) seal(chunk, chain);
    if (!reader.read(chunk)) break;
    chain = kv::FieldReader(std::string_view(chunk).substr(chunk.size() - 8)).le<std::uint64_t>();
    for (;;) {
      const auto more = reader.next();
      if (!more || !*more) break;
      (void)kv::acceptable_record(reader.key(), reader.value());
    }
    if (reader.head()) (void)kv::decode_replicated(reader.head()->replicated);
  }
  return 0;
}
