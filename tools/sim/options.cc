#include "tools/sim/options.h"

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace cairn::sim_tool {

const char* const kSimHelp =
    R"(usage: kvsim --seed N [--profile P] [--nodes K] [--minutes M] [--trace FILE]
             [--report FILE.html] [--shrink]
       kvsim --seeds A..B [--jobs J] [--profile P] [--nodes K] [--minutes M] [--shrink]
       kvsim --replay FILE
       kvsim --mutants [--bug NAME] [--jobs J] [--stretch PERCENT]
       kvsim --list-faults | --list-profiles | --list-bugs

Runs whole clusters of the production node in virtual time, breaks them, and judges what they did.
A seed is a run: the same seed gives the same run, to the last byte, on every machine.

  --seed N        one run; its last line is 'seed=N trace-hash=H ok', or '... failed: ORACLE ...'
                  and exit status 1
  --seeds A..B    many runs, one process each; the last line is 'N seeds, F failed, R seeds/s'
  --jobs J        so many processes at a time (1)
  --profile P     which runs the seed draws from (swarm)
  --nodes K       1 to 7 nodes, whatever the seed says
  --minutes M     so long are faults made, in virtual minutes; 0.5 is half a minute
  --faults A,B    only these kinds of what the seed draws ('none': none)
  --clients N     so many clients
  --report FILE   the run as a picture: a page that a browser shows by itself
  --trace FILE    every event of a run as a line of text
  --shrink        a failing seed is made smaller, and said as one line for --replay
  --replay FILE   a run for each line of the file, as --shrink says them; # begins a comment

Bugs are planted in a build of its own, which tests/sim/plant.py makes and this one calls:
  --mutants       every bug, until a seed catches it, and the same seeds without; a table, and
                  'N of M planted bugs caught'; exit status 0 if all were, each in its number
  --bug NAME      with --mutants that one alone; with --seed or --seeds a run that has it
  --stretch P     so many per cent of each bug's number of seeds (100)
)";

namespace {

bool parse_number(std::string_view text, std::uint64_t* n) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *n);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_range(std::string_view text, SimOptions* options) {
  const std::size_t dots = text.find("..");
  return dots != std::string_view::npos && parse_number(text.substr(0, dots), &options->first) &&
         parse_number(text.substr(dots + 2), &options->last) && options->first <= options->last;
}

/// Those that are words of a request line.
std::string parse_request(std::string_view option, const std::string& value, SimOptions* options) {
  std::string word = std::string(option.substr(2)) + "=" + value;
  if (option == "--minutes") {
    char* end = nullptr;
    const double minutes = std::strtod(value.c_str(), &end);
    if (*end != '\0' || !(minutes > 0) || minutes > 1440) return "--minutes: from 0 to 1440";
    word = "ms=" + std::to_string(static_cast<std::uint64_t>(minutes * 60'000 + 0.5));
  }
  return kv::sim::parse_line(word, &options->request);
}

std::string parse_with_value(std::string_view option, const std::string& value,
                             SimOptions* options) {
  using What = SimOptions::What;
  std::uint64_t n = 0;
  if (option == "--seeds") {
    options->what = What::kSeeds;
    return parse_range(value, options) ? "" : "--seeds wants A..B";
  }
  if (option == "--jobs") {
    if (!parse_number(value, &n) || n < 1 || n > 1024) return "--jobs: from 1 to 1024";
    options->jobs = static_cast<unsigned>(n);
    return {};
  }
  if (option == "--stretch") {
    if (!parse_number(value, &n) || n < 1 || n > 100'000) return "--stretch: from 1 to 100000";
    options->stretch = static_cast<unsigned>(n);
    return {};
  }
  for (const auto& [known, place] : {std::pair{"--trace", &options->trace},
                                     {"--report", &options->report},
                                     {"--bug", &options->bug}}) {
    if (option != known) continue;
    *place = value;
    return {};
  }
  if (option == "--replay") {
    options->what = What::kReplay;
    options->replay = value;
    return {};
  }
  if (option == "--seed") options->what = What::kRun;
  for (const char* known :
       {"--seed", "--profile", "--nodes", "--minutes", "--faults", "--clients"}) {
    if (option == known) return parse_request(option, value, options);
  }
  return "unknown option " + std::string(option);
}

}  // namespace

bool wants_bugs(const SimOptions& options) {
  using What = SimOptions::What;
  return options.what == What::kMutants || options.what == What::kListBugs || !options.bug.empty();
}

std::string parse_options(int argc, const char* const* argv, SimOptions* options) {
  using What = SimOptions::What;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--shrink") {
      options->shrink = true;
    } else if (option == "--list-faults") {
      options->what = What::kListFaults;
    } else if (option == "--list-profiles") {
      options->what = What::kListProfiles;
    } else if (option == "--list-bugs") {
      options->what = What::kListBugs;
    } else if (option == "--mutants") {
      options->what = What::kMutants;
    } else if (option == "--help" || option == "-h") {
      options->what = What::kHelp;
      return {};
    } else if (i + 1 == argc || !option.starts_with("--")) {
      return "unknown or without its value: " + std::string(option);
    } else if (std::string wrong = parse_with_value(option, argv[++i], options); !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

}  // namespace cairn::sim_tool
