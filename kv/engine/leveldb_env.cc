#include "kv/engine/leveldb_env.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace cairn::kv {
namespace {

constexpr std::string_view kLogSuffix = ".log";

std::string_view name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// The number of a LevelDB log file, "000012.log".
std::optional<std::uint64_t> log_number(std::string_view path) {
  std::string_view name = name_of(path);
  if (!name.ends_with(kLogSuffix)) return std::nullopt;
  name.remove_suffix(kLogSuffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::string log_name(std::uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return digits + std::string(kLogSuffix);
}

bool is_table(std::string_view path) {
  return path.ends_with(".ldb") || path.ends_with(".sst");
}

class HeldLock final : public leveldb::FileLock {
 public:
  explicit HeldLock(std::unique_ptr<wal::FileLock> lock) : lock_(std::move(lock)) {}

 private:
  std::unique_ptr<wal::FileLock> lock_;
};

class NullLogger final : public leveldb::Logger {
 public:
  void Logv(const char*, std::va_list) noexcept override {}
};

/// Calls a function that allocates; what it throws becomes a status.
template <class F>
leveldb::Status guarded(F f) noexcept {
  try {
    return f();
  } catch (...) {
    return leveldb::Status::IOError("out of memory");
  }
}

}  // namespace

LevelDbEnv::LevelDbEnv(wal::FileSystem& files, std::string directory, wal::Executor* background,
                       std::function<void()> item_ended)
    : files_(files),
      directory_(std::move(directory)),
      background_(background),
      item_ended_(std::move(item_ended)) {}

LevelDbEnv::~LevelDbEnv() {
  std::unique_lock lock(mutex_);
  if (background_ == nullptr) return;  // a queue that nobody will drain is dropped
  became_idle_.wait(lock, [this] { return tasks_ == 0; });
}

// --- background work
// ------------------------------------------------------------------------------

void LevelDbEnv::Schedule(void (*function)(void*), void* argument) noexcept {
  try {
    {
      const std::lock_guard lock(mutex_);
      ++items_;
    }
    enqueue([this, function, argument] { run_item(function, argument); });
  } catch (...) {
    // LevelDB waits for this item for ever; at least nothing is written any more, and it shows.
    health_.record("schedule", directory_,
                   boost::system::errc::make_error_code(boost::system::errc::not_enough_memory));
  }
}

void LevelDbEnv::run_item(void (*function)(void*), void* argument) {
  function(argument);
  {
    const std::lock_guard lock(mutex_);
    --items_;
  }
  item_ended_();
}

void LevelDbEnv::post(std::function<void()> task) {
  enqueue(std::move(task));
}

void LevelDbEnv::enqueue(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    ++tasks_;
    if (background_ == nullptr) {
      queue_.push_back(std::move(task));
      return;
    }
  }
  background_->post([this, task = std::move(task)] {
    struct Ended {
      LevelDbEnv& env;
      ~Ended() { env.item_done(); }
    } ended{*this};
    task();
  });
}

void LevelDbEnv::item_done() {
  const std::lock_guard lock(mutex_);
  --tasks_;
  if (tasks_ == 0) became_idle_.notify_all();
}

void LevelDbEnv::drain() {
  if (background_ != nullptr) return;
  struct Turn {
    LevelDbEnv& env;
    ~Turn() {
      const std::lock_guard lock(env.mutex_);
      env.draining_ = false;
    }
  };
  {
    const std::lock_guard lock(mutex_);
    if (draining_ || queue_.empty()) return;
    draining_ = true;
  }
  const Turn turn{*this};
  for (;;) {
    std::function<void()> task;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      --tasks_;
    }
    task();
  }
}

void LevelDbEnv::wait_idle() {
  if (background_ == nullptr) return drain();
  std::unique_lock lock(mutex_);
  became_idle_.wait(lock, [this] { return tasks_ == 0; });
}

bool LevelDbEnv::idle() const noexcept {
  const std::lock_guard lock(mutex_);
  return items_ == 0;
}

void LevelDbEnv::SleepForMicroseconds(int) noexcept {
  // LevelDB would slow a writer down at eight level-0 files, holding no lock here. Admission does
  // that for us, so nobody sleeps; without an executor the work itself is done instead.
  try {
    drain();
  } catch (...) {
    health_.record(
        "background work", directory_,
        boost::system::errc::make_error_code(boost::system::errc::state_not_recoverable));
  }
}

void LevelDbEnv::StartThread(void (*)(void*), void*) noexcept {}  // LevelDB never calls it

std::uint64_t LevelDbEnv::NowMicros() noexcept {
  const std::lock_guard lock(mutex_);
  return ++ticks_;
}

// --- logs that are not there
// ----------------------------------------------------------------------

std::uint64_t LevelDbEnv::newest_log() const noexcept {
  const std::lock_guard lock(mutex_);
  return logs_.empty() ? 0 : *logs_.rbegin();
}

bool LevelDbEnv::log_live(std::uint64_t number) const noexcept {
  const std::lock_guard lock(mutex_);
  return logs_.contains(number);
}

bool LevelDbEnv::flushing() const noexcept {
  const std::lock_guard lock(mutex_);
  return logs_.size() > 1;
}

// --- files
// ----------------------------------------------------------------------------------------

leveldb::Status LevelDbEnv::fail(const char* call, const std::string& path,
                                 const boost::system::error_code& error) noexcept {
  health_.record(call, path, error);
  return to_status(path, error);
}

leveldb::Status LevelDbEnv::NewSequentialFile(const std::string& path,
                                              leveldb::SequentialFile** result) noexcept {
  *result = nullptr;
  return guarded([&] {
    std::unique_ptr<wal::File> file;
    if (!log_number(path)) {
      wal::Result<std::unique_ptr<wal::File>> opened = files_.open(path, wal::OpenMode::kRead);
      if (!opened) return to_status(path, opened.error());
      file = std::move(*opened);
    }
    *result = make_sequential_file(path, std::move(file), health_);
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::NewRandomAccessFile(const std::string& path,
                                                leveldb::RandomAccessFile** result) noexcept {
  *result = nullptr;
  return guarded([&] {
    wal::Result<std::unique_ptr<wal::File>> opened = files_.open(path, wal::OpenMode::kRead);
    if (!opened) {
      // NotFound would come out of DB::Get as "no such key".
      const leveldb::Status status = to_status(path, opened.error());
      return status.IsNotFound() ? leveldb::Status::Corruption(path, "missing table") : status;
    }
    *result = make_random_access_file(path, std::move(*opened), health_);
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::NewWritableFile(const std::string& path,
                                            leveldb::WritableFile** result) noexcept {
  *result = nullptr;
  return guarded([&] {
    if (health_.broken()) return broken_status(path);
    if (const auto number = log_number(path)) {
      *result = make_writable_file(path, nullptr, health_, nullptr);
      const std::lock_guard lock(mutex_);
      logs_.insert(*number);
      return leveldb::Status::OK();
    }
    wal::Result<std::unique_ptr<wal::File>> opened =
        files_.open(path, wal::OpenMode::kCreateTruncate);
    if (!opened) return fail("create", path, opened.error());
    {
      const std::lock_guard lock(mutex_);
      names_unsynced_ = true;
    }
    // Manifests and what becomes CURRENT name other files: those names must be durable first.
    NameSync* const names = is_table(path) ? nullptr : static_cast<NameSync*>(this);
    *result = make_writable_file(path, std::move(*opened), health_, names);
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::NewAppendableFile(const std::string& path,
                                              leveldb::WritableFile** result) noexcept {
  *result = nullptr;
  return guarded([&] { return leveldb::Status::NotSupported(path, "no file is appended to"); });
}

leveldb::Status LevelDbEnv::sync_names() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!names_unsynced_) return leveldb::Status::OK();
    names_unsynced_ = false;
  }
  if (health_.broken()) return broken_status(directory_);
  if (const auto done = files_.sync_directory(directory_); !done) {
    return fail("sync directory", directory_, done.error());
  }
  return leveldb::Status::OK();
}

bool LevelDbEnv::FileExists(const std::string& path) noexcept {
  const wal::Result<bool> there = files_.exists(path);
  if (!there) {
    // "No" would make LevelDB begin a new database here; after the failure it can't write one.
    health_.record("look for", path, there.error());
    return false;
  }
  return *there;
}

leveldb::Status LevelDbEnv::GetChildren(const std::string& directory,
                                        std::vector<std::string>* result) noexcept {
  return guarded([&] {
    result->clear();
    wal::Result<std::vector<std::string>> names = files_.list(directory);
    if (!names) return fail("list", directory, names.error());
    for (std::string& name : *names) {
      if (!log_number(name)) result->push_back(std::move(name));
    }
    const std::lock_guard lock(mutex_);
    for (const std::uint64_t number : logs_) result->push_back(log_name(number));
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::RemoveFile(const std::string& path) noexcept {
  return guarded([&] {
    if (const auto number = log_number(path)) {
      const std::lock_guard lock(mutex_);
      logs_.erase(*number);
      return leveldb::Status::OK();
    }
    if (health_.broken()) return broken_status(path);
    // A file that stays is removed later; LevelDB looks for such files after each compaction.
    if (const auto done = files_.remove(path); !done) return to_status(path, done.error());
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::CreateDir(const std::string& directory) noexcept {
  return guarded([&] {
    if (const auto done = files_.create_directories(directory); !done) {
      return fail("create directory", directory, done.error());
    }
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::RemoveDir(const std::string& directory) noexcept {
  return guarded([&] { return leveldb::Status::NotSupported(directory); });
}

leveldb::Status LevelDbEnv::GetFileSize(const std::string& path, std::uint64_t* size) noexcept {
  *size = 0;
  return guarded([&] {
    const wal::Result<std::uint64_t> got = files_.file_size(path);
    if (!got) return to_status(path, got.error());
    *size = *got;
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::RenameFile(const std::string& from, const std::string& to) noexcept {
  return guarded([&] {
    if (health_.broken()) return broken_status(from);
    if (const auto done = files_.rename(from, to); !done) {
      return fail("rename", from, done.error());
    }
    // CURRENT: LevelDB now removes the manifest that the old one named (hazard L3).
    if (const auto done = files_.sync_directory(directory_); !done) {
      return fail("sync directory", directory_, done.error());
    }
    const std::lock_guard lock(mutex_);
    names_unsynced_ = false;
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::LockFile(const std::string& path, leveldb::FileLock** lock) noexcept {
  *lock = nullptr;
  return guarded([&] {
    wal::Result<std::unique_ptr<wal::FileLock>> held = files_.lock(path);
    if (!held) return to_status(path, held.error());
    *lock = new HeldLock(std::move(*held));
    return leveldb::Status::OK();
  });
}

leveldb::Status LevelDbEnv::UnlockFile(leveldb::FileLock* lock) noexcept {
  delete lock;
  return leveldb::Status::OK();
}

leveldb::Status LevelDbEnv::GetTestDirectory(std::string* path) noexcept {
  path->clear();
  return guarded([] { return leveldb::Status::NotSupported("no test directory"); });
}

leveldb::Status LevelDbEnv::NewLogger(const std::string&, leveldb::Logger** result) noexcept {
  *result = nullptr;
  return guarded([&] {
    *result = new NullLogger();
    return leveldb::Status::OK();
  });
}

}  // namespace cairn::kv
