#include "http/prometheus.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

namespace cairn::http {
namespace {

struct Family {
  std::string_view name;
  const kv::Sample* first;
  std::vector<const kv::Sample*> samples;
};

std::string_view family_of(const kv::Sample& s) {
  return s.family.empty() ? std::string_view(s.name) : std::string_view(s.family);
}

bool is_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [letter](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// name="value",…: quotes closed, escapes whole, nothing that would break the line.
bool are_labels(std::string_view text) {
  while (!text.empty()) {
    const std::size_t equals = text.find("=\"");
    if (equals == std::string_view::npos || !is_name(text.substr(0, equals))) return false;
    text.remove_prefix(equals + 2);
    std::size_t i = 0;
    while (i < text.size() && text[i] != '"' && text[i] != '\n') {
      if (text[i] == '\\' && ++i == text.size()) return false;
      ++i;
    }
    if (i >= text.size() || text[i] != '"') return false;
    text.remove_prefix(i + 1);
    if (text.empty()) return true;
    if (text.front() != ',' || text.size() == 1) return false;
    text.remove_prefix(1);
  }
  return true;
}

const char* type_of(kv::Sample::Type type) {
  switch (type) {
    case kv::Sample::Type::kCounter:
      return "counter";
    case kv::Sample::Type::kGauge:
      return "gauge";
    case kv::Sample::Type::kHistogramPart:
      break;
  }
  return "histogram";
}

void append_help(std::string& out, std::string_view help) {
  for (const char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

void append_value(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    char text[40];
    const bool whole = std::abs(value) < 9007199254740992.0 && value == std::floor(value);
    const auto end =
        whole ? std::to_chars(text, text + sizeof text, static_cast<long long>(value)).ptr
              : std::to_chars(text, text + sizeof text, value).ptr;
    out.append(text, end);
  }
}

void append_family(std::string& out, const Family& family) {
  if (!family.first->help.empty()) {
    out += "# HELP ";
    out += family.name;
    out += ' ';
    append_help(out, family.first->help);
    out += '\n';
  }
  out += "# TYPE ";
  out += family.name;
  out += ' ';
  out += type_of(family.first->type);
  out += '\n';
  for (const kv::Sample* s : family.samples) {
    out += s->name;
    if (!s->labels.empty()) {
      out += '{';
      out += s->labels;
      out += '}';
    }
    out += ' ';
    append_value(out, s->value);
    out += '\n';
  }
}

}  // namespace

std::string render_prometheus(const std::vector<kv::Sample>& samples) {
  std::vector<Family> families;
  std::map<std::string_view, std::size_t> known;
  for (const kv::Sample& s : samples) {
    const std::string_view name = family_of(s);
    if (!is_name(s.name) || !is_name(name) || !are_labels(s.labels)) continue;
    const auto [at, is_new] = known.try_emplace(name, families.size());
    if (is_new) families.push_back({name, &s, {}});
    families[at->second].samples.push_back(&s);
  }
  std::string out;
  out.reserve(samples.size() * 80);
  for (const Family& family : families) append_family(out, family);
  return out;
}

std::string metric_label(std::string_view name, std::string_view value) {
  std::string out(name);
  out += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

}  // namespace cairn::http
