#include "net/frame.h"

#include <bit>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cairn::net {
namespace {

static_assert(std::endian::native == std::endian::little,
              "frames are little-endian and read in place");

constexpr std::uint32_t kPeerMagic = 0x464e5243;    // "CRNF"
constexpr std::uint32_t kClientMagic = 0x434e5243;  // "CRNC"
constexpr std::size_t kHashedBytes = 36;

bool known(std::uint16_t type, FrameDoor door) {
  const auto within = [type](FrameType first, FrameType last) {
    return type >= static_cast<std::uint16_t>(first) && type <= static_cast<std::uint16_t>(last);
  };
  return door == FrameDoor::kPeer ? within(FrameType::kHello, FrameType::kSnapshotAck)
                                  : within(FrameType::kClientHello, FrameType::kGoodbye);
}

template <class T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
void store(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

}  // namespace

boost::system::result<FrameHeader> parse_frame_header(std::string_view bytes,
                                                      std::size_t frame_bytes_max, FrameDoor door) {
  if (bytes.size() < kFrameHeaderBytes) return NetError::kTruncated;
  const char* at = bytes.data();
  const auto magic = load<std::uint32_t>(at);
  if (magic != (door == FrameDoor::kPeer ? kPeerMagic : kClientMagic)) {
    return magic == kPeerMagic || magic == kClientMagic ? NetError::kWrongDoor
                                                        : NetError::kBadMagic;
  }
  // Before the checksum: a later format may lay out the rest of its header otherwise.
  const auto version = load<std::uint16_t>(at + 4);
  if (version > kFrameVersion) return NetError::kNewerVersion;
  const std::uint64_t hash = XXH3_64bits(at, kHashedBytes);
  if (load<std::uint32_t>(at + 36) != static_cast<std::uint32_t>(hash)) {
    return NetError::kBadChecksum;
  }
  const auto type = load<std::uint16_t>(at + 6);
  FrameHeader header;
  header.cluster_id = load<std::uint64_t>(at + 8);
  header.from = load<std::uint64_t>(at + 16);
  header.to = load<std::uint64_t>(at + 24);
  header.payload_bytes = load<std::uint32_t>(at + 32);
  header.payload_seed = hash;
  header.payload_checksum = load<std::uint64_t>(at + 40);
  if (header.frame_bytes() > frame_bytes_max) return NetError::kTooLarge;
  if (version == 0 || !known(type, door) || header.from == raft::kNobody) {
    return NetError::kMalformed;
  }
  const bool names_receiver = type != static_cast<std::uint16_t>(FrameType::kClientHello);
  if (names_receiver && header.to == raft::kNobody) return NetError::kMalformed;
  if (header.payload_bytes % 8 != 0) return NetError::kMalformed;
  header.type = static_cast<FrameType>(type);
  return header;
}

bool payload_matches(const FrameHeader& header, std::string_view payload) {
  return payload.size() == header.payload_bytes &&
         XXH3_64bits_withSeed(payload.data(), payload.size(), header.payload_seed) ==
             header.payload_checksum;
}

void seal_frame(const FrameHeader& header, char* frame) {
  const bool client = header.type >= FrameType::kClientHello;
  store(frame, client ? kClientMagic : kPeerMagic);
  store(frame + 4, kFrameVersion);
  store(frame + 6, static_cast<std::uint16_t>(header.type));
  store(frame + 8, header.cluster_id);
  store(frame + 16, header.from);
  store(frame + 24, header.to);
  store(frame + 32, header.payload_bytes);
  const std::uint64_t hash = XXH3_64bits(frame, kHashedBytes);
  store(frame + 36, static_cast<std::uint32_t>(hash));
  store(frame + 40, XXH3_64bits_withSeed(frame + kFrameHeaderBytes, header.payload_bytes, hash));
}

}  // namespace cairn::net
