// A run's request as one line of text, and back.
#include <charconv>
#include <utility>

#include "kv/sim/plan.h"

namespace cairn::kv::sim {

namespace {

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::string parse_faults(std::string_view names, std::set<Fault>* faults) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(','), names.size());
    const std::string_view name = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    if (name == "none") continue;
    const auto fault = fault_named(name);
    if (!fault) return "there is no fault " + std::string(name);
    faults->insert(*fault);
  }
  return {};
}

std::string parse_word(std::string_view word, RunRequest* request) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return "no '=' in " + std::string(word);
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  if (name == "profile") {
    request->profile = value;
    return draw_plan(*request) ? "" : "there is no profile " + std::string(value);
  }
  if (name == "faults") return parse_faults(value, &request->faults.emplace());
  const auto number = number_in(value);
  if (!number) return "not a number: " + std::string(word);
  if (name == "seed") {
    request->seed = *number;
  } else if (name == "nodes") {
    if (*number < 1 || *number > 7) return "nodes: from 1 to 7";
    request->nodes = *number;
  } else if (name == "clients") {
    if (*number < 1 || *number > 100) return "clients: from 1 to 100";
    request->clients = *number;
  } else if (name == "ms") {
    if (*number < 1 || *number > 86'400'000) return "ms: from 1 to a day's";
    request->length = Time(static_cast<std::int64_t>(*number) * 1'000);
  } else {
    return "unknown: " + std::string(name);
  }
  return {};
}

}  // namespace

std::string line_of(const RunRequest& request) {
  std::string line = "seed=" + std::to_string(request.seed) + " profile=" + request.profile;
  if (request.nodes) line += " nodes=" + std::to_string(*request.nodes);
  if (request.length) line += " ms=" + std::to_string(request.length->count() / 1'000);
  if (request.clients) line += " clients=" + std::to_string(*request.clients);
  if (request.faults) {
    line += " faults=";
    if (request.faults->empty()) line += "none";
    bool first = true;
    for (const Fault fault : *request.faults) {
      if (!std::exchange(first, false)) line += ",";
      line += name_of(fault);
    }
  }
  return line;
}

std::string parse_line(std::string_view line, RunRequest* request) {
  line = line.substr(0, line.find('#'));
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (word.empty()) continue;
    if (std::string wrong = parse_word(word, request); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace cairn::kv::sim
