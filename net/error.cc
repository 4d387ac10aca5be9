#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>

#include "net/frame.h"
#include "net/wire.h"

namespace cairn::net {
namespace {

// Boost's base class has no virtual destructor, on purpose: categories are never deleted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "cairn.net"; }
  std::string message(int value) const override {
    switch (static_cast<NetError>(value)) {
      case NetError::kTruncated:
        return "the frame is cut short";
      case NetError::kBadMagic:
        return "not a frame";
      case NetError::kBadChecksum:
        return "the frame's checksum is wrong";
      case NetError::kNewerVersion:
        return "the frame's format is newer than this program";
      case NetError::kTooLarge:
        return "the frame is larger than allowed";
      case NetError::kMalformed:
        return "the frame does not say what its type promises";
      case NetError::kWrongDoor:
        return "the frame belongs to another port: clients and peers have their own";
    }
    return "unknown error";
  }
};
#pragma GCC diagnostic pop

}  // namespace

boost::system::error_code make_error_code(NetError e) noexcept {
  static const Category category;
  return {static_cast<int>(e), category};
}

const char* close_reason(const boost::system::error_code& error) {
  if (error == NetError::kTooLarge) return "too_large";
  if (error == NetError::kBadChecksum) return "checksum";
  if (error == NetError::kNewerVersion) return "version";
  if (error == NetError::kWrongDoor) return "wrong_door";
  return "garbage";
}

}  // namespace cairn::net
