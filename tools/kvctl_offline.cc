// The verbs that look after data: backup, restore, verify, wal dump.
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cinttypes>
#include <cstdio>
#include <optional>

#include "kv/offline/backup_file.h"
#include "kv/offline/restore.h"
#include "kv/offline/verify.h"
#include "kv/offline/wal_dump.h"
#include "tools/kvctl.h"
#include "tools/lib/text_table.h"
#include "tools/lib/units.h"
#include "wal/posix_file_system.h"

namespace cairn::tools::ctl {
namespace {

using Kind = Setting::Kind;

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

std::string mib(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1u << 20));
  return text;
}

/// On stderr, a line that is written over; silent where nobody watches.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what) : what_(std::move(what)), on_(::isatty(2) == 1) {}
  ~ProgressLine() {
    if (on_ && shown_) std::fprintf(stderr, "\n");
  }
  void show(std::uint64_t done, std::uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (!on_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    shown_ = true;
    const std::string of = total == 0 ? "" : " of " + mib(total);
    std::fprintf(stderr, "\r%s %s%s ", what_.c_str(), mib(done).c_str(), of.c_str());
  }

 private:
  const std::string what_;
  const bool on_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

std::uint64_t system_random() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}

Exit exit_of(const kv::Error& error) {
  return error.code == kv::Errc::kConfiguration ? kUsage : kRefused;
}

int print_summary(const Context& context, const std::string& path,
                  const kv::BackupSummary& summary) {
  if (context.output == Output::kTable) {
    return print(path + ": whole; cluster " + hex(summary.header.cluster) + ", " +
                 std::to_string(summary.header.partitions) + " partitions, " +
                 std::to_string(summary.items) + " keys, " + std::to_string(summary.bytes) +
                 " bytes\n")
               ? kDone
               : kRefused;
  }
  boost::json::object out;
  out["file"] = path;
  out["whole"] = true;
  out["cluster_id"] = hex(summary.header.cluster);
  out["backup_id"] = hex(summary.header.id);
  out["partitions"] = summary.header.partitions;
  out["keys"] = std::to_string(summary.items);
  out["bytes"] = std::to_string(summary.bytes);
  return print(boost::json::serialize(out) + "\n") ? kDone : kRefused;
}

/// Downloads into `part`, durably. An error, or an empty text.
std::string download(const Context& context, const std::string& part) {
  const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return "cannot create " + part;
  ProgressLine progress("backup:");
  std::uint64_t written = 0;
  std::string error = context.client.download("/v1/backup", [&](std::string_view piece) {
    while (!piece.empty()) {
      const ssize_t n = ::write(file, piece.data(), piece.size());
      if (n <= 0) return false;
      piece.remove_prefix(static_cast<std::size_t>(n));
      written += static_cast<std::uint64_t>(n);
    }
    progress.show(written, 0);
    return true;
  });
  if (error.empty() && ::fsync(file) != 0) error = "cannot sync " + part;
  if (::close(file) != 0 && error.empty()) error = "cannot write " + part;
  return error;
}

int backup(const Context& context) {
  const std::string& path = context.arguments[0];
  if (!context.settings.on("force") && ::access(path.c_str(), F_OK) == 0)
    return fail(kUsage, path + " exists: name another file, or say --force");
  const std::string part = path + ".part";
  if (std::string error = download(context, part); !error.empty()) {
    ::unlink(part.c_str());
    const bool unreachable = error.starts_with("no node can be reached");
    return fail(unreachable ? kUnreachable : kRefused, error);
  }
  // What is kept under the name is a backup that can be restored, or nothing.
  wal::PosixFileSystem files;
  const auto opened = kv::BackupFile::open(files, part);
  const auto summary = opened ? opened->check(nullptr) : opened.error();
  if (!summary) {
    ::unlink(part.c_str());
    return fail(kRefused, "the backup is not whole, try again: " + summary.error().message());
  }
  const auto slash = path.rfind('/');
  const std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (!files.rename(part, path) || !files.sync_directory(dir))
    return fail(kRefused, "cannot give " + part + " the name " + path);
  return print_summary(context, path, *summary);
}

std::optional<kv::Member> parse_member(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) return std::nullopt;
  kv::Member member;
  for (const char c : text.substr(0, equals)) {
    if (c < '0' || c > '9' || member.id > UINT32_MAX) return std::nullopt;
    member.id = member.id * 10 + static_cast<std::uint64_t>(c - '0');
  }
  member.peer = text.substr(equals + 1);
  return member;
}

int restore(const Context& context) {
  const Settings& settings = context.settings;
  kv::RestoreOptions options;
  options.backup = context.arguments[0];
  options.data_dir = settings.text("data-dir");
  if (options.data_dir.empty()) return fail(kUsage, "restore needs --data-dir DIR");
  options.node_id = settings.number("id");
  for (const std::string& text : settings.list("cluster")) {
    auto member = parse_member(text);
    if (!member) return fail(kUsage, "--cluster: \"" + text + "\" is not ID=HOST:PORT");
    options.cluster.push_back(std::move(*member));
  }
  if (!options.cluster.empty() && options.node_id == 0)
    return fail(kUsage, "--cluster needs --id, to say which member this directory is for");
  options.replicas = static_cast<std::uint32_t>(settings.number("replicas"));
  options.token = settings.text("token");
  options.revisions_past = settings.number("revisions-past");
  wal::PosixFileSystem files;
  ProgressLine line("restore:");
  const auto restored =
      kv::restore_backup(files, options, system_random,
                         [&](std::uint64_t done, std::uint64_t all) { line.show(done, all); });
  if (!restored) return fail(exit_of(restored.error()), restored.error().message());
  if (context.output == Output::kTable) {
    return print(options.data_dir + ": cluster " + hex(restored->cluster_id) + ", " +
                 std::to_string(restored->partitions_here) + " of " +
                 std::to_string(restored->partitions) + " partitions, " +
                 std::to_string(restored->items) + " keys; new revisions are above " +
                 std::to_string(restored->revision) + "\n")
               ? kDone
               : kRefused;
  }
  boost::json::object out;
  out["data_dir"] = options.data_dir;
  out["cluster_id"] = hex(restored->cluster_id);
  out["partitions"] = restored->partitions;
  out["partitions_here"] = restored->partitions_here;
  out["keys"] = std::to_string(restored->items);
  out["revision"] = restored->revision;
  return print(boost::json::serialize(out) + "\n") ? kDone : kRefused;
}

boost::json::object report_json(const std::string& dir, const kv::DirectoryReport& report) {
  boost::json::object out;
  out["directory"] = dir;
  out["whole"] = report.findings.empty();
  out["node"] = report.node;
  out["cluster_id"] = hex(report.cluster);
  boost::json::array groups, findings, notes;
  for (const auto& g : report.groups) {
    groups.push_back(boost::json::object{{"group", g.group},
                                         {"applied", std::to_string(g.applied)},
                                         {"entries", std::to_string(g.entries)},
                                         {"digest", g.digest}});
  }
  for (const auto& f : report.findings) {
    findings.push_back(boost::json::object{{"file", f.file},
                                           {"offset", f.offset ? std::to_string(*f.offset) : ""},
                                           {"what", f.what},
                                           {"advice", f.advice}});
  }
  for (const auto& n : report.notes) notes.emplace_back(n);
  out["groups"] = std::move(groups);
  out["findings"] = std::move(findings);
  out["notes"] = std::move(notes);
  return out;
}

int verify_directory(const Context& context, const std::string& dir) {
  wal::PosixFileSystem files;
  const auto report = kv::verify_directory(files, dir);
  if (!report) return fail(kRefused, report.error().message());
  if (context.output != Output::kTable) {
    if (!print(boost::json::serialize(report_json(dir, *report)) + "\n")) return kRefused;
  } else {
    TextTable groups({"GROUP", "APPLIED", "ENTRIES", "DIGEST"});
    for (const auto& g : report->groups) {
      groups.add({std::to_string(g.group), std::to_string(g.applied), std::to_string(g.entries),
                  g.digest});
    }
    std::string text = dir + ": node " + std::to_string(report->node) + " of cluster " +
                       hex(report->cluster) + ", " + std::to_string(report->tables) + " tables, " +
                       mib(report->bytes) + "\n" + (report->groups.empty() ? "" : groups.text());
    for (const auto& note : report->notes) text += "note: " + note + "\n";
    if (report->findings.empty()) text += "nothing is wrong\n";
    if (!print(text)) return kRefused;
  }
  for (const auto& f : report->findings) {
    const std::string at = f.offset ? " at " + std::to_string(*f.offset) : "";
    fail(kRefused, f.file + at + ": " + f.what + "; " + f.advice);
  }
  return report->findings.empty() ? kDone : kRefused;
}

int verify(const Context& context) {
  const std::string& path = context.arguments[0];
  wal::PosixFileSystem files;
  if (files.list(path)) return verify_directory(context, path);
  ProgressLine line("verify:");
  const auto opened = kv::BackupFile::open(files, path);
  if (!opened) return fail(kRefused, opened.error().message());
  const auto summary =
      opened->check([&](std::uint64_t done, std::uint64_t all) { line.show(done, all); });
  if (summary) return print_summary(context, path, *summary);
  const bool newer = summary.error().code == kv::Errc::kNewerFormat;
  return fail(kRefused, summary.error().message() +
                            (newer ? "" : "; use another backup, this one cannot be restored"));
}

std::string wal_json(const kv::WalLine& line) {
  boost::json::object out;
  out["file"] = line.file;
  out["offset"] = std::to_string(line.offset);
  out["kind"] = line.kind;
  out["batch"] = std::to_string(line.batch);
  out["group"] = line.group;
  out["index"] = std::to_string(line.index);
  out["term"] = std::to_string(line.term);
  out["bytes"] = std::to_string(line.bytes);
  out["note"] = line.note;
  return boost::json::serialize(out) + "\n";
}

std::string wal_text(const kv::WalLine& line) {
  if (line.kind == "segment") return line.file + "  " + line.note + "\n";
  if (line.kind == "bad") {
    return "  " + std::to_string(line.offset) + "  bad: " + line.note + "\n";
  }
  char text[160];
  std::snprintf(text, sizeof text,
                "  %10" PRIu64 "  batch %-6" PRIu64 " %-12s group %-4u index %-8" PRIu64
                " term %-6" PRIu64 " %8" PRIu64 " bytes  ",
                line.offset, line.batch, line.kind.c_str(), line.group, line.index, line.term,
                line.bytes);
  return text + line.note + "\n";
}

int wal(const Context& context) {
  if (context.arguments[0] != "dump") return fail(kUsage, "usage: kvctl wal dump DIR");
  cairn::wal::PosixFileSystem files;
  bool written = true;
  bool bad = false;
  const auto done = kv::dump_wal(files, context.arguments[1], [&](const kv::WalLine& line) {
    bad = bad || line.kind == "bad";
    written = written && print(context.output == Output::kTable ? wal_text(line) : wal_json(line));
  });
  if (!done) return fail(kRefused, done.error().message());
  if (!written) return fail(kRefused, "the output could not be written");
  return bad ? fail(kRefused, "a segment is damaged; kvctl verify says what to do") : kDone;
}

}  // namespace

Verb backup_verb() {
  return {"backup",
          "FILE",
          "write a checked backup of all partitions",
          "kvctl backup monday.cairn",
          1,
          1,
          {{.name = "force",
            .kind = Kind::kSwitch,
            .help = "replace FILE if it exists",
            .flag_only = true}},
          backup};
}

Verb restore_verb() {
  return {
      "restore",
      "FILE",
      "make a member of a new cluster from a backup",
      "kvctl restore monday.cairn --data-dir n1 --id 1 --cluster 1=10.0.0.1:9001,2=10.0.0.2:9001",
      1,
      1,
      {{.name = "data-dir",
        .argument = "DIR",
        .help = "the directory to make; it must not exist, or be empty",
        .flag_only = true},
       {.name = "id",
        .kind = Kind::kNumber,
        .argument = "N",
        .fallback = "0",
        .help = "the member this directory is for",
        .max = UINT32_MAX,
        .flag_only = true,
        .fallback_comment = "a store of one node"},
       {.name = "cluster",
        .kind = Kind::kList,
        .argument = "ID=HOST:PORT,...",
        .help = "the new cluster's members, the same for each of their restores",
        .flag_only = true},
       {.name = "replicas",
        .kind = Kind::kNumber,
        .argument = "N",
        .fallback = "3",
        .help = "of each partition; all members if there are fewer",
        .min = 1,
        .max = 7,
        .flag_only = true},
       {.name = "token",
        .argument = "TEXT",
        .help = "tells apart two clusters restored from the same file to the same members",
        .flag_only = true},
       {.name = "revisions-past",
        .kind = Kind::kNumber,
        .argument = "REV",
        .fallback = "0",
        .help = "new revisions are above this one too",
        .max = (std::uint64_t{1} << 53) - 1,
        .flag_only = true}},
      restore};
}

Verb verify_verb() {
  return {"verify",
          "DIR|FILE",
          "check a stopped node's directory, or a backup",
          "kvctl verify cairn-data",
          1,
          1,
          {},
          verify};
}

Verb wal_verb() {
  return {"wal", "dump DIR", "print the records of a log", "kvctl wal dump cairn-data", 2, 2,
          {},    wal};
}

}  // namespace cairn::tools::ctl
