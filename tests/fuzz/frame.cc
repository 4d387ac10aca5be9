// The frame decoder. The first two bytes are the frame's type; the rest becomes a payload whose
// checksum is right, so that Cap'n Proto's side is reached. Odd inputs are taken as whole frames.
#include "net/frame.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  if (size < 2 || size > (1u << 20)) return 0;
  const std::string_view payload = fuzz::view_of(data, size).substr(2);
  std::string frame(net::kFrameHeaderBytes, '\0');
  frame += payload;
  net::FrameHeader header;
  header.type = static_cast<net::FrameType>(data[0] % 9);
  header.cluster_id = 1;
  header.from = 2;
  header.to = 3;
  header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  net::seal_frame(header, frame.data());
  if (data[1] % 2 == 1) frame.assign(payload);
  const fuzz::AllocationCap cap(128 * size + (512u << 10));
  (void)net::decode_frame(frame);
  return 0;
}
