// What the fuzz targets share: bytes to take apart, and a cap on what a call may allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace cairn::fuzz {

/// Bytes that operator new holds now, and the most since reset_peak() (allocation_meter.cc).
std::size_t allocated();
std::size_t peak_allocated();
void reset_peak();

/// Ends the process if what happens in its scope ever holds more than `cap` bytes beyond what was
/// held before: a reader that believes a length is a crash, whatever the machine's memory.
class AllocationCap {
 public:
  explicit AllocationCap(std::size_t cap) : cap_(cap), before_(allocated()) { reset_peak(); }
  AllocationCap(const AllocationCap&) = delete;
  AllocationCap& operator=(const AllocationCap&) = delete;
  ~AllocationCap() {
    if (peak_allocated() > before_ + cap_) std::abort();
  }

 private:
  const std::size_t cap_;
  const std::size_t before_;
};

inline std::string_view view_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// What must hold, also where assertions are off.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace cairn::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
