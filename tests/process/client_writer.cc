// A program that writes through <cairn/kv/client.h> as fast as its answers come, and remembers what
// it was told: for client_door_test.py.
//
//   client_writer PREFIX ENDPOINT[,ENDPOINT...] sessions|plain
//
// Puts PREFIX/1, PREFIX/2, ... until its standard input ends, at most 64 under way; then prints a
// line for each: "ok KEY VERSION MS", "no KEY", "unknown KEY", and "stats RETRIES REDIRECTS".
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cairn/kv/client.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kUnderWay = 64;

struct Report {
  std::mutex mutex;
  std::condition_variable ended;
  int under_way = 0;
  std::vector<std::string> lines;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

std::string line_of(const std::string& key, const cairn::kv::Result<cairn::kv::PutResult>& result,
                    Clock::time_point start) {
  if (result) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    return "ok " + key + " " + std::to_string(result->version) + " " + std::to_string(ms.count());
  }
  const bool no = result.error().committed == cairn::kv::Committed::kNo;
  return (no ? "no " : "unknown ") + key + " " + result.error().message();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string prefix = argv[1];
  cairn::kv::ClientOptions options;
  options.sessions = std::string(argv[3]) == "sessions";
  auto client = cairn::kv::Client::connect(split(argv[2]), options);
  if (!client) {
    std::fprintf(stderr, "error: %s\n", client.error().message().c_str());
    return 1;
  }
  std::atomic<bool> over{false};
  std::thread input([&] {
    while (std::getchar() != EOF) {
    }
    over = true;
  });
  std::printf("begun\n");
  std::fflush(stdout);
  Report report;
  const auto start = Clock::now();
  for (int i = 1; !over; ++i) {
    const std::string key = prefix + "/" + std::to_string(i);
    {
      std::unique_lock lock(report.mutex);
      report.ended.wait(lock, [&] { return report.under_way < kUnderWay; });
      ++report.under_way;
    }
    client->async_put(key, prefix + "-" + std::to_string(i), {},
                      [&report, key, start](const cairn::kv::Result<cairn::kv::PutResult>& r) {
                        const std::lock_guard lock(report.mutex);
                        report.lines.push_back(line_of(key, r, start));
                        --report.under_way;
                        report.ended.notify_all();
                      });
  }
  std::unique_lock lock(report.mutex);
  report.ended.wait(lock, [&] { return report.under_way == 0; });
  for (const std::string& line : report.lines) std::printf("%s\n", line.c_str());
  lock.unlock();
  const auto stats = client->stats();
  std::printf("stats %llu %llu\n", static_cast<unsigned long long>(stats.retries),
              static_cast<unsigned long long>(stats.redirects));
  input.join();
  return 0;
}
