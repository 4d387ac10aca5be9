// The command decoder: entries of the log, commands and answers of peers.
#include "kv/command/command.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  const std::string_view bytes = fuzz::view_of(data, size);
  const fuzz::AllocationCap cap(64 * size + (256u << 10));
  if (const auto entry = kv::split_entry(bytes)) (void)kv::decode_command(entry->command);
  (void)kv::decode_answer(bytes);
  if (const auto command = kv::decode_command(bytes)) {
    // What one node takes another must take too.
    fuzz::require(kv::decode_command(kv::encode_command(*command)).has_value());
  }
  return 0;
}
