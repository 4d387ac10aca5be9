// What is allocated, counted. With a sanitizer by the hooks of its allocator; else by an operator
// new of our own over malloc.
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "tests/fuzz/fuzz.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAIRN_SANITIZER_HOOKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CAIRN_SANITIZER_HOOKS 1
#endif
#endif
#ifdef CAIRN_SANITIZER_HOOKS
// Of the sanitizers' runtimes; gcc's package has them without their header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void*,
                                                                       std::size_t),
                                                         void (*given)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void* p);
#endif

namespace {

std::atomic<std::size_t> now{0};
std::atomic<std::size_t> peak{0};

void taken(std::size_t size) {
  const std::size_t held = now += size;
  peak = std::max(peak.load(), held);
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

#ifdef CAIRN_SANITIZER_HOOKS

namespace {

// What was allocated before the hooks were there is freed as well: the difference may not go below
// nothing.
[[maybe_unused]] const int kInstalled = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t size) { taken(size); },
    [](const volatile void* p) {
      if (p != nullptr) now -= std::min(now.load(), __sanitizer_get_allocated_size(p));
    });

}  // namespace

#else

namespace {

void* take(std::size_t size) {
  void* p = std::malloc(size == 0 ? 1 : size);
  if (p == nullptr) throw std::bad_alloc();
  taken(malloc_usable_size(p));
  return p;
}

void give(void* p) noexcept {
  if (p == nullptr) return;
  now -= malloc_usable_size(p);
  std::free(p);
}

}  // namespace

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

#endif
