// Runs a fuzz target without a fuzzer: every file of the corpus, each of its prefixes, and many
// small changes of it, the same at every run. What CI does; clang's fuzzer goes on from the same
// files.
//
//   fuzz_X_replay DIRECTORY
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

void run(const std::string& bytes) {
  // A copy of its own size: a read past the end is seen by sanitizers.
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

std::uint64_t runs = 0;

void run_around(const std::string& bytes, std::uint64_t seed) {
  run(bytes);
  const std::size_t step = std::max<std::size_t>(1, bytes.size() / 200);
  for (std::size_t size = 0; size < bytes.size(); size += step) run(bytes.substr(0, size));
  for (int i = 0; i < 2'000 && !bytes.empty(); ++i) {
    std::string changed = bytes;
    for (std::uint64_t n = 0; n <= seed % 3; ++n) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      changed[(seed >> 33) % changed.size()] = static_cast<char>(seed >> 25);
    }
    run(changed);
  }
  runs += 2'000 + bytes.size() / step;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "error: name the directory of the corpus\n");
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::ifstream in(files[i], std::ios::binary);
    run_around(std::string(std::istreambuf_iterator<char>(in), {}), i + 1);
  }
  if (files.empty()) {
    std::fprintf(stderr, "error: the corpus is empty\n");
    return 1;
  }
  std::printf("%zu files, %llu inputs: no crash, no allocation beyond the cap\n", files.size(),
              static_cast<unsigned long long>(runs));
  return 0;
}
