#include "kv/engine/database.h"

#include <algorithm>
#include <charconv>

#include "kv/engine/keyspace.h"

namespace cairn::kv {
namespace {

constexpr int kBloomBitsPerKey = 10;

leveldb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view view_of(const leveldb::Slice& s) {
  return {s.data(), s.size()};
}

/// LevelDB takes a directory without CURRENT for a new database, and removes the tables it does not
/// know. A crash while one is made leaves no tables, so tables mean that CURRENT was lost.
EngineResult<void> check_current(wal::FileSystem& files, const std::string& directory,
                                 std::string* detail) {
  const wal::Result<std::vector<std::string>> names = files.list(directory);
  if (!names) {
    *detail = directory + ": " + names.error().message();
    return EngineError::kFailed;
  }
  const bool tables = std::any_of(names->begin(), names->end(), [](const std::string& name) {
    return name.ends_with(".ldb") || name.ends_with(".sst");
  });
  if (!tables || std::find(names->begin(), names->end(), "CURRENT") != names->end()) return {};
  *detail = directory + ": there are tables, but CURRENT is gone";
  return EngineError::kCorrupt;
}

/// The directory that holds `path`'s last name.
std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

// --- cursor
// ---------------------------------------------------------------------------------------

Cursor::Cursor(const Database& database, std::string prefix, const Moment& moment, bool fill_cache)
    : database_(database), prefix_(std::move(prefix)), moment_(moment) {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = fill_cache;
  options.snapshot = moment_.get();
  iterator_.reset(database_.db_->NewIterator(options));
  seek({});
}

Cursor::~Cursor() {
  iterator_.reset();
  database_.settle();
}

void Cursor::seek(std::string_view suffix) {
  std::string key = prefix_;
  key.append(suffix);
  iterator_->Seek(key);
}

void Cursor::seek_below(std::string_view suffix) {
  std::string bound = prefix_;
  bound.append(suffix);
  if (suffix.empty()) bound = after_prefix(prefix_);
  if (!bound.empty()) iterator_->Seek(bound);
  if (bound.empty() || (!iterator_->Valid() && iterator_->status().ok())) {
    iterator_->SeekToLast();
  } else if (iterator_->Valid()) {
    iterator_->Prev();
  }
}

bool Cursor::valid() const {
  return iterator_->Valid() && view_of(iterator_->key()).starts_with(prefix_);
}

std::string_view Cursor::key() const {
  return view_of(iterator_->key()).substr(prefix_.size());
}

std::string_view Cursor::value() const {
  return view_of(iterator_->value());
}

EngineResult<void> Cursor::status() const {
  const leveldb::Status status = iterator_->status();
  if (status.ok()) return {};
  return database_.failure(status);
}

// --- database
// -------------------------------------------------------------------------------------

Database::Database(wal::FileSystem& files, const std::string& directory,
                   const EngineOptions& options, wal::Executor* background)
    : env_(std::make_unique<LevelDbEnv>(files, directory, background,
                                        [this] { flusher_.item_ended(); })),
      flusher_(*env_),
      cache_(leveldb::NewLRUCache(options.block_cache_bytes)),
      filter_(leveldb::NewBloomFilterPolicy(kBloomBitsPerKey)) {
  leveldb::Logger* silence = nullptr;
  (void)env_->NewLogger({}, &silence);
  silence_.reset(silence);
}

EngineResult<std::unique_ptr<Database>> Database::open(wal::FileSystem& files,
                                                       const std::string& directory,
                                                       const EngineOptions& options,
                                                       wal::Executor* background,
                                                       std::string* detail) {
  for (const auto& done :
       {files.create_directories(directory), files.sync_directory(parent_of(directory))}) {
    if (done) continue;
    *detail = directory + ": " + done.error().message();
    return EngineError::kFailed;
  }
  if (auto done = check_current(files, directory, detail); !done) return done.error();
  std::unique_ptr<Database> out(new Database(files, directory, options, background));
  leveldb::Options leveldb_options;
  leveldb_options.create_if_missing = true;
  leveldb_options.paranoid_checks = true;
  leveldb_options.env = out->env_.get();
  leveldb_options.info_log = out->silence_.get();
  leveldb_options.write_buffer_size = options.write_buffer_bytes;
  leveldb_options.max_open_files = options.open_files_max;
  leveldb_options.block_cache = out->cache_.get();
  leveldb_options.filter_policy = out->filter_.get();
  leveldb_options.max_file_size =
      std::clamp<std::size_t>(options.write_buffer_bytes / 4, 1u << 20, 8u << 20);
  leveldb_options.compression = leveldb::kNoCompression;
  leveldb::DB* db = nullptr;
  const leveldb::Status status = leveldb::DB::Open(leveldb_options, directory, &db);
  out->db_.reset(db);
  if (!status.ok()) {
    *detail = out->env_->health().broken() ? out->env_->health().failure() : status.ToString();
    return out->failure(status);
  }
  out->flusher_.attach(db);
  out->settle();
  return out;
}

Database::~Database() {
  settle();
  flusher_.close();
  db_.reset();  // waits for what is scheduled
  env_->wait_idle();
}

EngineError Database::failure(const leveldb::Status& status) const noexcept {
  failed_.store(true, std::memory_order_relaxed);
  // What the disk refused to give is not known to be damaged.
  if (env_->health().broken()) return EngineError::kFailed;
  if (!status.IsCorruption() && !status.IsInvalidArgument()) return EngineError::kFailed;
  corrupt_.store(true, std::memory_order_relaxed);
  return EngineError::kCorrupt;
}

EngineError Database::corrupt() const noexcept {
  failed_.store(true, std::memory_order_relaxed);
  corrupt_.store(true, std::memory_order_relaxed);
  return EngineError::kCorrupt;
}

EngineResult<void> Database::write(leveldb::WriteBatch& batch,
                                   std::span<const AppliedIndex> applied) {
  const leveldb::Status status = flusher_.write(batch, applied);
  settle();
  if (!status.ok()) return failure(status);
  return {};
}

void Database::flush(Flusher::Done done) {
  flusher_.flush(std::move(done));
  settle();
}

EngineResult<bool> Database::get(std::string_view key, std::string* value,
                                 const Moment& moment) const {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.snapshot = moment.get();
  const leveldb::Status status = db_->Get(options, slice(key), value);
  settle();
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return failure(status);
}

Moment Database::moment() const {
  leveldb::DB* const db = db_.get();
  return Moment(db->GetSnapshot(), [db](const leveldb::Snapshot* s) { db->ReleaseSnapshot(s); });
}

std::uint64_t Database::table_bytes(const std::string& prefix) const {
  const std::string end = after_prefix(prefix);
  const leveldb::Range range(prefix, end);
  std::uint64_t bytes = 0;
  db_->GetApproximateSizes(&range, 1, &bytes);
  return bytes;
}

int Database::level0_files() const {
  std::string text;
  int files = 0;
  if (db_->GetProperty("leveldb.num-files-at-level0", &text)) {
    std::from_chars(text.data(), text.data() + text.size(), files);
  }
  return files;
}

}  // namespace cairn::kv
