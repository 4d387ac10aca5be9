#include "kv/node/scrubber.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "kv/engine/table_check.h"

namespace cairn::kv {
namespace {

using std::chrono::microseconds;

constexpr microseconds kFirstPass = std::chrono::seconds{2};
constexpr microseconds kRest = std::chrono::minutes{10};
constexpr std::int64_t kReadBytes = 256 << 10;

/// What a look at one file gave, carried home.
struct Look {
  std::vector<std::string> names;
  std::uint64_t bytes = 0;
  std::string fault;
};

bool is_looked_at(const std::string& name) {
  return name.ends_with(".ldb") || name.ends_with(".sst") || name.starts_with("MANIFEST-");
}

std::optional<FileFault> check(wal::FileSystem& files, const std::string& path,
                               std::uint64_t* bytes) {
  const auto file = files.open(path, wal::OpenMode::kRead);
  if (!file) return std::nullopt;  // it went meanwhile
  if (const auto size = (*file)->size()) *bytes = *size;
  bool torn = false;
  return path.find("/MANIFEST-") == std::string::npos ? check_table(**file)
                                                      : check_manifest(**file, &torn);
}

}  // namespace

void Scrubber::tick(microseconds now) {
  if (rate_ == 0) return;
  if (last_ == microseconds{0}) {
    last_ = now;
    next_pass_ = now + kFirstPass;
  }
  const microseconds passed = std::min<microseconds>(now - last_, std::chrono::seconds{1});
  last_ = now;
  const auto rate = static_cast<std::int64_t>(rate_);
  credit_ = std::min(credit_ + passed.count() * (rate / 1'000) / 1'000, std::max(rate, kReadBytes));
  if (phase_ == Phase::kResting) {
    if (now < next_pass_) return;
    next_pass_ = now + kRest;
    begin_pass();
  }
  step();
}

void Scrubber::begin_pass() {
  phase_ = Phase::kLog;
  stretches_ = host_.log_stretches();
  std::reverse(stretches_.begin(), stretches_.end());  // taken from the back
}

void Scrubber::step() {
  if (busy_ || rate_ == 0 || credit_ <= 0 || phase_ == Phase::kResting) return;
  if (phase_ == Phase::kTables) return step_table();
  stretches_.empty() ? list_tables() : step_log();
}

void Scrubber::step_log() {
  const ScrubHost::Stretch now = stretches_.back();
  busy_ = true;
  host_.read_log_again(
      now.group, now.first, now.last, static_cast<std::size_t>(std::min(credit_, kReadBytes)),
      [this, now](const wal::Result<std::vector<wal::LogEntry>>& entries) {
        busy_ = false;
        if (!entries) {
          stretches_.pop_back();  // cut meanwhile, or it can't be read just now
          if (entries.error() == wal::WalError::kCorrupt) found({});
          return step();
        }
        std::uint64_t bytes = 0;
        for (const wal::LogEntry& e : *entries) bytes += e.data.size() + 1;
        const raft::Index next = entries->empty() ? now.last + 1 : entries->back().index + 1;
        if (next > now.last)
          stretches_.pop_back();
        else
          stretches_.back().first = next;
        spent(bytes);
      });
}

void Scrubber::list_tables() {
  busy_ = true;
  const auto look = std::make_shared<Look>();
  host_.on_scrub(
      [look, files = &files_, engine = engine_] {
        const auto names = files->list(engine);
        if (!names) return;
        for (const std::string& name : *names)
          if (is_looked_at(name)) look->names.push_back(engine + '/' + name);
      },
      [this, look] {
        busy_ = false;
        tables_ = std::move(look->names);
        phase_ = Phase::kTables;
        step();
      });
}

void Scrubber::step_table() {
  if (tables_.empty()) {
    phase_ = Phase::kResting;
    ++counters_.passes;
    return;
  }
  busy_ = true;
  const auto look = std::make_shared<Look>();
  host_.on_scrub(
      [look, files = &files_, path = tables_.back()] {
        const auto fault = check(*files, path, &look->bytes);
        // What the disk refuses to give is not known to be damaged; the next pass looks again.
        if (fault && !fault->unread) look->fault = path;
      },
      [this, look] {
        tables_.pop_back();
        if (!look->fault.empty()) return look_again(look->fault);
        busy_ = false;
        spent(look->bytes);
      });
}

/// What was being written or removed in that moment is no find.
void Scrubber::look_again(const std::string& path) {
  const auto look = std::make_shared<Look>();
  host_.between_tables(
      [look, files = &files_, path] {
        const auto fault = check(*files, path, &look->bytes);
        if (fault && !fault->unread)
          look->fault = path + " at " + std::to_string(fault->offset) + ": " + fault->what;
      },
      [this, look] {
        busy_ = false;
        if (!look->fault.empty()) found(look->fault);
        spent(look->bytes);
      });
}

void Scrubber::spent(std::uint64_t bytes) {
  counters_.bytes += bytes;
  credit_ -= static_cast<std::int64_t>(bytes);
  step();
}

void Scrubber::found(const std::string& what) {
  ++counters_.finds;
  host_.scrub_found(what);
}

}  // namespace cairn::kv
