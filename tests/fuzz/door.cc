// The decoders of the native door. The first byte is the frame's type; with an odd second byte the
// rest is a header that the door looks at, else a payload that came under right checksums. A
// request that is taken must come back as it is when it is sent again.
#include "kv/door/messages.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  if (size < 2 || size > (1u << 20)) return 0;
  const std::string payload(fuzz::view_of(data, size).substr(2));
  const fuzz::AllocationCap cap(128 * size + (512u << 10));
  if (data[1] % 2 == 1) {
    (void)net::parse_frame_header(payload, net::kFrameBytesMax, net::FrameDoor::kClient);
    return 0;
  }
  kv::door::Request request, again;
  kv::door::Reply reply;
  const char* refused = nullptr;
  switch (data[0] % 6) {
    case 0:
      (void)kv::door::decode_client_hello(payload);
      break;
    case 1:
      (void)kv::door::decode_server_hello(payload);
      break;
    case 2:
      if (kv::door::decode_request(payload, request, refused) && refused == nullptr) {
        std::string frame;
        kv::door::encode(request, {1, 2, 3}, frame);
        fuzz::require(frame.size() == kv::door::frame_bytes(request));
        fuzz::require(kv::door::decode_request(
            std::string_view(frame).substr(net::kFrameHeaderBytes), again, refused));
        fuzz::require(refused == nullptr && again.id == request.id &&
                      again.body.index() == request.body.index());
      }
      break;
    case 3:
      (void)kv::door::decode_reply(payload, reply);
      break;
    case 4:
      (void)kv::door::decode_cluster_map(payload);
      break;
    case 5:
      (void)kv::door::decode_goodbye(payload);
      break;
  }
  return 0;
}
