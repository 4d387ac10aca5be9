#include "kv/engine/leveldb_files.h"

#include <algorithm>
#include <span>
#include <utility>

namespace cairn::kv {
namespace {

constexpr std::size_t kBufferBytes = 64u << 10;

class SequentialReader final : public leveldb::SequentialFile {
 public:
  SequentialReader(std::string path, std::unique_ptr<wal::File> file, DiskHealth& health)
      : path_(std::move(path)), file_(std::move(file)), health_(health) {}

  leveldb::Status Read(std::size_t n, leveldb::Slice* result, char* scratch) noexcept override {
    std::size_t done = 0;
    while (done < n) {
      if (begin_ == end_) {
        if (leveldb::Status s = fill(); !s.ok()) return s;
        if (begin_ == end_) break;  // the end of the file
      }
      const std::size_t part = std::min(n - done, end_ - begin_);
      std::copy_n(buffer_.data() + begin_, part, scratch + done);
      begin_ += part;
      done += part;
    }
    *result = leveldb::Slice(scratch, done);
    return leveldb::Status::OK();
  }

  leveldb::Status Skip(std::uint64_t n) noexcept override {
    const std::uint64_t buffered = std::min<std::uint64_t>(n, end_ - begin_);
    begin_ += static_cast<std::size_t>(buffered);
    offset_ += n - buffered;
    return leveldb::Status::OK();
  }

 private:
  leveldb::Status fill() noexcept {
    begin_ = end_ = 0;
    if (!file_) return leveldb::Status::OK();
    try {
      buffer_.resize(kBufferBytes);
    } catch (...) {
      return leveldb::Status::IOError(path_, "out of memory");
    }
    const wal::Result<std::size_t> got = file_->read_at(offset_, std::span<char>(buffer_));
    if (!got) {
      health_.record("read", path_, got.error());
      return to_status(path_, got.error());
    }
    end_ = *got;
    offset_ += *got;
    return leveldb::Status::OK();
  }

  const std::string path_;
  const std::unique_ptr<wal::File> file_;
  DiskHealth& health_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  // unread part of the buffer
  std::uint64_t offset_ = 0;         // of what comes after the buffer
};

class RandomReader final : public leveldb::RandomAccessFile {
 public:
  RandomReader(std::string path, std::unique_ptr<wal::File> file, DiskHealth& health)
      : path_(std::move(path)), file_(std::move(file)), health_(health) {}

  leveldb::Status Read(std::uint64_t offset, std::size_t n, leveldb::Slice* result,
                       char* scratch) const noexcept override {
    const wal::Result<std::size_t> got = file_->read_at(offset, std::span<char>(scratch, n));
    if (!got) {
      *result = leveldb::Slice();
      health_.record("read", path_, got.error());
      return to_status(path_, got.error());
    }
    *result = leveldb::Slice(scratch, *got);
    return leveldb::Status::OK();
  }

 private:
  const std::string path_;
  const std::unique_ptr<wal::File> file_;
  DiskHealth& health_;
};

/// LevelDB flushes after each block and record, but relies on nothing before Sync or Close: the
/// buffer is written out only there, or when it is full.
class BufferedWriter final : public leveldb::WritableFile {
 public:
  BufferedWriter(std::string path, std::unique_ptr<wal::File> file, DiskHealth& health,
                 NameSync* names)
      : path_(std::move(path)), file_(std::move(file)), health_(health), names_(names) {}

  leveldb::Status Append(const leveldb::Slice& data) noexcept override {
    if (!file_) return leveldb::Status::OK();
    if (buffer_.size() + data.size() > kBufferBytes) {
      if (leveldb::Status s = write_out(); !s.ok()) return s;
      if (data.size() >= kBufferBytes) return write(data.data(), data.size());
    }
    try {
      if (buffer_.capacity() == 0) buffer_.reserve(kBufferBytes);
      buffer_.append(data.data(), data.size());
    } catch (...) {
      return leveldb::Status::IOError(path_, "out of memory");
    }
    return leveldb::Status::OK();
  }

  leveldb::Status Flush() noexcept override { return leveldb::Status::OK(); }

  leveldb::Status Sync() noexcept override {
    if (!file_) return leveldb::Status::OK();
    if (names_ != nullptr) {
      if (leveldb::Status s = names_->sync_names(); !s.ok()) return s;
    }
    if (leveldb::Status s = write_out(); !s.ok()) return s;
    if (health_.broken()) return broken_status(path_);
    if (const wal::Result<void> done = file_->sync(); !done) {
      health_.record("sync", path_, done.error());
      return to_status(path_, done.error());
    }
    return leveldb::Status::OK();
  }

  leveldb::Status Close() noexcept override {
    if (!file_) return leveldb::Status::OK();
    const leveldb::Status s = write_out();
    file_.reset();
    return s;
  }

 private:
  leveldb::Status write_out() noexcept {
    if (buffer_.empty()) return leveldb::Status::OK();
    leveldb::Status s = write(buffer_.data(), buffer_.size());
    buffer_.clear();
    return s;
  }

  leveldb::Status write(const char* bytes, std::size_t size) noexcept {
    if (health_.broken()) return broken_status(path_);
    const wal::Result<void> done = file_->write_at(offset_, std::span<const char>(bytes, size));
    if (!done) {
      health_.record("write", path_, done.error());
      return to_status(path_, done.error());
    }
    offset_ += size;
    return leveldb::Status::OK();
  }

  const std::string path_;
  std::unique_ptr<wal::File> file_;  // null: a discarded log, or closed
  DiskHealth& health_;
  NameSync* const names_;
  std::string buffer_;
  std::uint64_t offset_ = 0;  // where the buffer will be written
};

}  // namespace

bool DiskHealth::broken() const noexcept {
  const std::lock_guard lock(mutex_);
  return broken_;
}

std::string DiskHealth::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void DiskHealth::record(const char* call, const std::string& path,
                        const boost::system::error_code& error) noexcept {
  const std::lock_guard lock(mutex_);
  if (broken_) return;
  broken_ = true;
  try {
    failure_ = std::string(call) + " " + path + ": " + error.message();
  } catch (...) {
    failure_.clear();  // the words are lost, the fact is not
  }
}

leveldb::Status to_status(const std::string& path,
                          const boost::system::error_code& error) noexcept {
  try {
    if (error == boost::system::errc::no_such_file_or_directory) {
      return leveldb::Status::NotFound(path, error.message());
    }
    return leveldb::Status::IOError(path, error.message());
  } catch (...) {
    return leveldb::Status::IOError("i/o error");
  }
}

leveldb::Status broken_status(const std::string& path) noexcept {
  return leveldb::Status::IOError(path, "an earlier failure: nothing more is written");
}

leveldb::SequentialFile* make_sequential_file(std::string path, std::unique_ptr<wal::File> file,
                                              DiskHealth& health) {
  return new SequentialReader(std::move(path), std::move(file), health);
}

leveldb::RandomAccessFile* make_random_access_file(std::string path,
                                                   std::unique_ptr<wal::File> file,
                                                   DiskHealth& health) {
  return new RandomReader(std::move(path), std::move(file), health);
}

leveldb::WritableFile* make_writable_file(std::string path, std::unique_ptr<wal::File> file,
                                          DiskHealth& health, NameSync* names) {
  return new BufferedWriter(std::move(path), std::move(file), health, names);
}

}  // namespace cairn::kv
