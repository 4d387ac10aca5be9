// operator new, counted. malloc itself stays as it is, so that sanitizers see what they should.
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "tests/fuzz/fuzz.h"

namespace {

std::atomic<std::size_t> now{0};
std::atomic<std::size_t> peak{0};

void* take(std::size_t size) {
  void* p = std::malloc(size == 0 ? 1 : size);
  if (p == nullptr) throw std::bad_alloc();
  const std::size_t held = now += malloc_usable_size(p);
  peak = std::max(peak.load(), held);
  return p;
}

void give(void* p) noexcept {
  if (p == nullptr) return;
  now -= malloc_usable_size(p);
  std::free(p);
}

}  // namespace

namespace cairn::fuzz {

std::size_t allocated() {
  return now;
}
std::size_t peak_allocated() {
  return peak;
}
void reset_peak() {
  peak = now.load();
}

}  // namespace cairn::fuzz

void* operator new(std::size_t size) {
  return take(size);
}
void* operator new[](std::size_t size) {
  return take(size);
}
void operator delete(void* p) noexcept {
  give(p);
}
void operator delete[](void* p) noexcept {
  give(p);
}
void operator delete(void* p, std::size_t) noexcept {
  give(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  give(p);
}
