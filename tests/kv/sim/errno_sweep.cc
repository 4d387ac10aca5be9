// The errno sweep: on a fixed scenario over whole nodes, the k-th I/O call fails, for every k and
// every errno that such a call can give. Success, a clean refusal, or a fenced node; never a loss,
// never a crash.
//
//   errno_sweep [--nodes N] [--stride S] [--offset O] [--fault KIND:K:ERRNO]
//
// Without a stride every k is tried. --fault tells one story again, with what was broken in it.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "tests/kv/sim/sweep_story.h"

namespace cairn::kv::sim {
namespace {

using Call = wal::MemoryFileSystem::Call;

struct Kind {
  Call call;
  const char* name;
  std::vector<int> errors;  // that the system can give to it, by its manual pages
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{
      {Call::kOpen, "open", {EIO, ENOSPC, EDQUOT, EMFILE, ENFILE, EACCES, EROFS, ENOMEM}},
      {Call::kRead, "read", {EIO, ENOMEM}},
      {Call::kWrite, "write", {EIO, ENOSPC, EDQUOT, EFBIG, ENOMEM}},
      {Call::kSync, "sync", {EIO, ENOSPC, EDQUOT, EROFS}},
      {Call::kTruncate, "truncate", {EIO, ENOSPC, EFBIG, EROFS}},
      {Call::kRename, "rename", {EIO, ENOSPC, EDQUOT, EACCES, EROFS, ENOMEM}},
      {Call::kRemove, "remove", {EIO, EACCES, EROFS, ENOMEM}},
      {Call::kMakeDirectory, "mkdir", {EIO, ENOSPC, EDQUOT, EACCES, EROFS, ENOMEM}},
      {Call::kSyncDirectory, "syncdir", {EIO, ENOSPC, EDQUOT, EMFILE, ENFILE, EROFS}},
      {Call::kLook, "look", {EIO, EMFILE, ENFILE, EACCES, ENOMEM}},
      {Call::kLock, "lock", {EIO, EMFILE, ENFILE, ENOLCK, ENOMEM}},
  };
  return kKinds;
}

struct Arguments {
  std::size_t nodes = 1;
  std::uint64_t stride = 1;
  std::uint64_t offset = 0;
  std::string fault;
};

struct Tally {
  std::uint64_t calls = 0, succeeded = 0, refused = 0, fenced = 0, lost = 0;
  std::set<int> errors;

  void add(Outcome outcome) {
    switch (outcome) {
      case Outcome::kSucceeded:
        ++succeeded;
        break;
      case Outcome::kRefused:
        ++refused;
        break;
      case Outcome::kFenced:
        ++fenced;
        break;
      case Outcome::kLost:
        ++lost;
        break;
    }
  }
};

bool parse(int argc, char** argv, Arguments* out) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--fault") {
      out->fault = argv[i + 1];
      continue;
    }
    const std::uint64_t number = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--nodes" && number >= 1 && number <= 5) {
      out->nodes = number;
    } else if (name == "--stride" && number >= 1) {
      out->stride = number;
    } else if (name == "--offset") {
      out->offset = number;
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

Outcome tell(std::size_t nodes, const Kind& kind, std::uint64_t kth, int error) {
  SweepStory story(nodes, DiskFault{kind.call, kth, error});
  const Outcome outcome = story.run();
  if (outcome == Outcome::kLost) {
    std::printf("broken: --nodes %zu --fault %s:%llu:%d (%s)\n", nodes, kind.name,
                static_cast<unsigned long long>(kth), error, std::strerror(error));
    for (const std::string& what : story.broken()) std::printf("  %s\n", what.c_str());
    std::fflush(stdout);
  }
  return outcome;
}

int tell_one(const Arguments& arguments) {
  char name[16] = {};
  unsigned long long kth = 0;
  int error = 0;
  if (std::sscanf(arguments.fault.c_str(), "%15[a-z]:%llu:%d", name, &kth, &error) != 3) return 2;
  for (const Kind& kind : kinds()) {
    if (std::strcmp(kind.name, name) != 0) continue;
    const Outcome outcome = tell(arguments.nodes, kind, kth, error);
    const char* words[] = {"succeeded", "refused", "fenced", "lost"};
    std::printf("%s\n", words[static_cast<int>(outcome)]);
    return outcome == Outcome::kLost ? 1 : 0;
  }
  return 2;
}

int sweep(const Arguments& arguments) {
  SweepStory calm(arguments.nodes, std::nullopt);
  if (calm.run() != Outcome::kSucceeded || calm.acknowledged() < 30) {
    for (const std::string& what : calm.broken()) std::printf("  %s\n", what.c_str());
    std::printf("the scenario does not go through without a fault\n");
    return 1;
  }
  Tally tally;
  for (const Kind& kind : kinds()) {
    const std::uint64_t calls = calm.calls(kind.call);
    std::printf("%-8s %5llu calls, %zu errnos\n", kind.name, static_cast<unsigned long long>(calls),
                kind.errors.size());
    std::fflush(stdout);
    // The first call of a kind is always tried.
    for (std::uint64_t kth = 1 + arguments.offset % arguments.stride; kth <= calls;
         kth += arguments.stride) {
      ++tally.calls;
      for (const int error : kind.errors) {
        tally.errors.insert(error);
        tally.add(tell(arguments.nodes, kind, kth, error));
      }
    }
  }
  std::printf("%llu calls × %zu errnos: %llu succeeded, %llu refused, %llu fenced, %llu lost\n",
              static_cast<unsigned long long>(tally.calls), tally.errors.size(),
              static_cast<unsigned long long>(tally.succeeded),
              static_cast<unsigned long long>(tally.refused),
              static_cast<unsigned long long>(tally.fenced),
              static_cast<unsigned long long>(tally.lost));
  // A sweep in which no fault was ever felt has tested nothing.
  const bool felt = tally.refused > 0 && tally.fenced > 0 && tally.succeeded > 0;
  return tally.lost == 0 && felt ? 0 : 1;
}

}  // namespace
}  // namespace cairn::kv::sim

int main(int argc, char** argv) {
  cairn::kv::sim::Arguments arguments;
  if (!cairn::kv::sim::parse(argc, argv, &arguments)) {
    std::fprintf(stderr,
                 "error: usage: errno_sweep [--nodes N] [--stride S] [--offset O] "
                 "[--fault KIND:K:ERRNO]\n");
    return 2;
  }
  if (arguments.fault.empty()) return cairn::kv::sim::sweep(arguments);
  return cairn::kv::sim::tell_one(arguments);
}
