// The fixed head of a command entry, 32 bytes, little-endian:
//   0 u16 format version, 2 u16 bytes of the head, 4 u32 zero,
//   8 u64 revision, 16 u64 ceiling, 24 u64 elapsed lease time
// A multiple of 8, so that the command behind it is aligned where the payload is.
#include "kv/command/command.h"
#include "kv/command/little_endian.h"

namespace cairn::kv {
namespace {

constexpr std::uint16_t kEntryVersion = 1;
constexpr std::uint16_t kHeadBytes = kEntryHeadBytes;

}  // namespace

std::shared_ptr<const std::string> make_entry(const Stamp& stamp, std::string_view command) {
  auto payload = std::make_shared<std::string>(blank_entry(command));
  stamp_entry(stamp, *payload);
  return payload;
}

std::string blank_entry(std::string_view command) {
  std::string entry;
  entry.reserve(kHeadBytes + command.size());
  entry.append(kHeadBytes, '\0').append(command);
  return entry;
}

void stamp_entry(const Stamp& stamp, std::string& entry) {
  char* const head = entry.data();
  store_le(kEntryVersion, head);
  store_le(kHeadBytes, head + 2);
  store_le(std::uint32_t{0}, head + 4);
  store_le(stamp.revision, head + 8);
  store_le(stamp.ceiling, head + 16);
  store_le(stamp.lease_elapsed, head + 24);
}

boost::system::result<EntryView> split_entry(std::string_view payload) {
  if (payload.size() < kHeadBytes) return CommandError::kMalformed;
  const auto version = load_le<std::uint16_t>(payload.data());
  if (version > kEntryVersion) return CommandError::kNewerVersion;
  if (version != kEntryVersion || load_le<std::uint16_t>(payload.data() + 2) != kHeadBytes ||
      load_le<std::uint32_t>(payload.data() + 4) != 0) {
    return CommandError::kMalformed;
  }
  EntryView view;
  view.stamp.revision = load_le<std::uint64_t>(payload.data() + 8);
  view.stamp.ceiling = load_le<std::uint64_t>(payload.data() + 16);
  view.stamp.lease_elapsed = load_le<std::uint64_t>(payload.data() + 24);
  view.command = payload.substr(kHeadBytes);
  return view;
}

}  // namespace cairn::kv
