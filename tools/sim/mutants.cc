#include "tools/sim/mutants.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>
#include <vector>

#include "tools/sim/planted.h"

namespace cairn::sim_tool {

namespace {

constexpr rlim_t kSecondsOfASeed = 60;  // of processor time; then it counts as one that hangs
constexpr std::size_t kOracleBytesMax = 400;

/// One bug's seeds, one after the other until one is red; or one seed that must be green.
struct Task {
  const PlantedBug* bug = nullptr;  // null: none is on
  std::string run;
  std::uint64_t seed = 1;
  std::uint64_t last = 1;
  std::optional<SeedOutcome> ended{};  // of the last seed that ran
  bool under_way = false;

  [[nodiscard]] bool done() const { return ended && (!ended->ok || seed == last); }
  [[nodiscard]] bool caught() const { return ended && !ended->ok; }
};

/// A process that runs one seed, and the pipe by which it tells the outcome.
struct Child {
  int pipe = -1;
  Task* task = nullptr;
};

[[noreturn]] void be_child(const Task& task, const RunSeed& run_seed, int pipe) {
  const rlimit limit{kSecondsOfASeed, kSecondsOfASeed};
  (void)setrlimit(RLIMIT_CPU, &limit);
  const rlimit no_core{0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  const char* const bug = task.bug != nullptr ? task.bug->name : "";
  const SeedOutcome outcome = run_seed(bug, task.run, task.seed);
  const std::string words = (outcome.ok ? "+" : "-") + outcome.oracle.substr(0, kOracleBytesMax);
  const bool told = write(pipe, words.data(), words.size()) == static_cast<ssize_t>(words.size());
  _exit(told ? 0 : 1);
}

SeedOutcome outcome_of(int pipe, int status) {
  char words[kOracleBytesMax + 1];
  const ssize_t n = read(pipe, words, sizeof words);  // all of it: it was written at once
  close(pipe);
  if (n > 0) return {words[0] == '+', std::string(words + 1, static_cast<std::size_t>(n - 1))};
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
    return {false, "hangs"};
  }
  return {false, WIFSIGNALED(status) ? "dies by signal " + std::to_string(WTERMSIG(status))
                                     : "ends without a word"};
}

/// Works on tasks with as many processes as allowed.
class Pool {
 public:
  Pool(unsigned jobs, const RunSeed& run_seed) : jobs_(std::max(jobs, 1u)), run_seed_(run_seed) {}

  /// False: no process could be made.
  bool work(std::vector<Task>& tasks, const std::function<void(const Task&)>& ended) {
    for (;;) {
      for (Task& task : tasks) {
        if (children_.size() >= jobs_) break;
        if (!task.done() && !task.under_way && !start(task)) return false;
      }
      if (children_.empty()) return true;
      Task* const task = wait();
      if (task == nullptr) continue;
      if (task->done()) {
        ended(*task);
      } else {
        ++task->seed;
      }
    }
  }

 private:
  bool start(Task& task) {
    int ends[2];
    if (pipe(ends) != 0) return children_.empty() ? false : true;
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
      close(ends[0]);
      be_child(task, run_seed_, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
      close(ends[0]);
      return !children_.empty();
    }
    task.under_way = true;
    children_[pid] = {ends[0], &task};
    return true;
  }

  Task* wait() {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, 0);
    const auto child = children_.find(pid);
    if (child == children_.end()) return nullptr;
    Task* const task = child->second.task;
    task->ended = outcome_of(child->second.pipe, status);
    task->under_way = false;
    children_.erase(child);
    return task;
  }

  const std::size_t jobs_;
  const RunSeed& run_seed_;
  std::map<pid_t, Child> children_;
};

std::vector<Task> tasks_of(const MutantsOptions& options) {
  std::vector<Task> tasks;
  for (const PlantedBug& bug : planted_bugs()) {
    if (!options.only.empty() && options.only != bug.name) continue;
    Task task;
    task.bug = &bug;
    task.run = bug.run;
    task.last = std::max<std::uint64_t>(1, std::uint64_t{bug.within} * options.stretch / 100);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

/// Each seed that caught something, once more without the bug.
std::vector<Task> controls_of(const std::vector<Task>& tasks) {
  std::map<std::string, std::uint64_t> seeds;
  for (const Task& task : tasks) {
    seeds[task.run] = std::max(seeds[task.run], task.caught() ? task.seed : 1);
  }
  std::vector<Task> controls;
  for (const auto& [run, last] : seeds) {
    for (std::uint64_t seed = 1; seed <= last; ++seed) {
      Task task;
      task.run = run;
      task.seed = task.last = seed;
      controls.push_back(std::move(task));
    }
  }
  return controls;
}

void print_table(const std::vector<Task>& tasks) {
  std::size_t name = 3;
  for (const Task& task : tasks) name = std::max(name, std::string_view(task.bug->name).size());
  const int width = static_cast<int>(name);
  std::printf("\n%-*s  %-6s  %9s  %s\n", width, "bug", "hazard", "seeds", "caught by");
  for (const Task& task : tasks) {
    const std::string seeds = std::to_string(task.seed) + " of " + std::to_string(task.last);
    std::printf("%-*s  %-6s  %9s  %s\n", width, task.bug->name, task.bug->hazard, seeds.c_str(),
                task.caught() ? task.ended->oracle.c_str() : "NOTHING");
  }
}

}  // namespace

int run_mutants(const MutantsOptions& options, const RunSeed& run_seed) {
  std::vector<Task> tasks = tasks_of(options);
  if (tasks.empty()) {
    std::fprintf(stderr, "no bug is called '%s'; --list-bugs lists them\n", options.only.c_str());
    return 2;
  }
  Pool pool(options.jobs, run_seed);
  std::size_t ended = 0;
  const bool worked = pool.work(tasks, [&](const Task& task) {
    std::fprintf(
        stderr, "%3zu of %zu  %s: %s\n", ++ended, tasks.size(), task.bug->name,
        task.caught() ? ("caught by seed " + std::to_string(task.seed)).c_str() : "not caught");
  });
  std::vector<Task> controls = controls_of(tasks);
  std::fprintf(stderr, "the same seeds without a bug: %zu runs\n", controls.size());
  std::vector<std::string> red;
  const bool controlled = worked && pool.work(controls, [&](const Task& task) {
    if (!task.caught()) return;
    red.push_back("without a bug, " + task.run + " seed=" + std::to_string(task.seed) +
                  " fails: " + task.ended->oracle);
  });
  if (!controlled) {
    std::fprintf(stderr, "no process could be started\n");
    return 2;
  }
  print_table(tasks);
  for (const std::string& line : red) std::printf("%s\n", line.c_str());
  const auto caught =
      std::count_if(tasks.begin(), tasks.end(), [](const Task& task) { return task.caught(); });
  std::printf("%zu seeds without a bug, %zu of them red\n", controls.size(), red.size());
  std::printf("%td of %zu planted bugs caught\n", caught, tasks.size());
  return static_cast<std::size_t>(caught) == tasks.size() && red.empty() ? 0 : 1;
}

bool is_planted(std::string_view name) {
  const auto bugs = planted_bugs();
  return std::any_of(bugs.begin(), bugs.end(),
                     [&](const PlantedBug& bug) { return name == bug.name; });
}

void list_bugs() {
  for (const PlantedBug& bug : planted_bugs()) {
    std::printf("%s  %s\n    %s\n    %s, within %u seeds\n", bug.name, bug.hazard, bug.what,
                bug.run, bug.within);
  }
}

}  // namespace cairn::sim_tool
