#include "tools/bench/slo.h"

#include <algorithm>

#include "tools/bench/text.h"
#include "tools/lib/units.h"

namespace cairn::tools::bench {
namespace {

using What = Clause::What;
using Relation = Clause::Relation;

// "p99.9", "p999" and "p9999" as api.md's field names have them, "max", "mean".
bool read_quantile(std::string_view name, Clause& clause) {
  if (name == "max") {
    clause.share = 1;
  } else if (name == "mean") {
    clause.share = -1;
  } else if (name.starts_with("p") && name.size() > 1) {
    const std::string_view digits = name.substr(1);
    auto percent = parse_decimal(digits);
    if (!percent) return false;
    if (digits.find('.') == digits.npos && digits.size() > 2) {
      if (digits[0] != '9') return false;
      for (std::size_t i = 2; i < digits.size(); ++i) *percent /= 10;
    }
    if (*percent <= 0 || *percent >= 100) return false;
    clause.share = *percent / 100;
  } else {
    return false;
  }
  clause.what = What::kQuantile;
  return true;
}

bool read_name(std::string_view name, Clause& clause) {
  if (name == "errors") {
    clause.what = What::kErrors;
  } else if (name == "error-rate") {
    clause.what = What::kErrorRate;
  } else if (name == "rate") {
    clause.what = What::kRate;
  } else if (name == "gap") {
    clause.what = What::kGap;
  } else {
    return read_quantile(name, clause);
  }
  return true;
}

std::optional<double> read_bound(std::string_view text, What what) {
  switch (what) {
    case What::kQuantile:
    case What::kGap:
      return parse_latency(text);
    case What::kErrorRate: {
      if (!text.ends_with('%')) return std::nullopt;
      const auto percent = parse_decimal(text.substr(0, text.size() - 1));
      return percent ? std::optional<double>(*percent / 100) : std::nullopt;
    }
    default:
      return parse_decimal(text);
  }
}

bool parse_clause(const std::string& text, Clause& clause) {
  clause.text = text;
  if (text == "linearizable" || text == "verified") {
    clause.what = text == "verified" ? What::kVerified : What::kLinearizable;
    return true;
  }
  const auto at = text.find_first_of("<=>");
  if (at == text.npos || !read_name(std::string_view(text).substr(0, at), clause)) return false;
  std::string_view rest = std::string_view(text).substr(at);
  const bool or_equal = rest.size() > 1 && rest[0] != '=' && rest[1] == '=';
  if (rest[0] == '=') {
    clause.relation = Relation::kEqual;
  } else if (rest[0] == '<') {
    clause.relation = or_equal ? Relation::kAtMost : Relation::kLess;
  } else {
    clause.relation = or_equal ? Relation::kAtLeast : Relation::kMore;
  }
  rest.remove_prefix(or_equal ? 2 : 1);
  const auto bound = read_bound(rest, clause.what);
  if (!bound) return false;
  clause.bound = *bound;
  return true;
}

bool holds(Relation relation, double found, double bound) {
  switch (relation) {
    case Relation::kLess:
      return found < bound;
    case Relation::kAtMost:
      return found <= bound;
    case Relation::kEqual:
      return found == bound;
    case Relation::kAtLeast:
      return found >= bound;
    case Relation::kMore:
      break;
  }
  return found > bound;
}

double quantile_of(const Tally& tally, double share) {
  if (share < 0) return tally.latency.mean();
  if (share >= 1) return static_cast<double>(tally.latency.max());
  return static_cast<double>(tally.latency.quantile(share));
}

std::string found_word(const std::optional<bool>& finding) {
  return !finding ? "not looked at" : *finding ? "yes" : "no";
}

}  // namespace

std::optional<double> parse_latency(std::string_view text) {
  double unit = 0;
  const auto ends = [&text](std::string_view suffix) {
    if (!text.ends_with(suffix)) return false;
    text.remove_suffix(suffix.size());
    return true;
  };
  if (ends("us")) {
    unit = 1e3;
  } else if (ends("ms")) {
    unit = 1e6;
  } else if (ends("s")) {
    unit = 1e9;
  } else {
    return std::nullopt;
  }
  const auto number = parse_decimal(text);
  return number ? std::optional<double>(*number * unit) : std::nullopt;
}

std::string format_latency(double nanoseconds) {
  if (nanoseconds < 1e6) return fixed(nanoseconds / 1e3, nanoseconds < 1e4 ? 1 : 0) + " us";
  if (nanoseconds < 1e9) return fixed(nanoseconds / 1e6, nanoseconds < 1e7 ? 2 : 1) + " ms";
  return fixed(nanoseconds / 1e9, 2) + " s";
}

std::optional<std::string> parse_slo(std::string_view text, std::vector<Clause>& clauses) {
  for (const std::string& part : split_list(text)) {
    Clause clause;
    if (!parse_clause(part, clause)) {
      return "\"" + part +
             "\" is no clause such as p99<5ms, p99.9<=20ms, max<1s, errors=0, error-rate<0.1%, "
             "rate>20000, gap<500ms, linearizable or verified";
    }
    clauses.push_back(std::move(clause));
  }
  return std::nullopt;
}

ClauseVerdict judge(const Clause& clause, const Tally& tally, const Findings& findings) {
  const auto errors = static_cast<double>(tally.errors);
  const auto all = static_cast<double>(tally.operations);
  double found = 0;
  ClauseVerdict verdict{clause.text, "", false};
  switch (clause.what) {
    case What::kLinearizable:
    case What::kVerified: {
      const auto& finding =
          clause.what == What::kVerified ? findings.verified : findings.linearizable;
      verdict.found = found_word(finding);
      verdict.met = finding.value_or(false);
      return verdict;
    }
    case What::kQuantile:
      found = quantile_of(tally, clause.share);
      verdict.found = format_latency(found);
      if (tally.latency.count() == 0) {
        verdict.found = "no operation ended well";
        return verdict;
      }
      break;
    case What::kGap:
      found = 1e6 * static_cast<double>(tally.longest_write_gap().length.count());
      verdict.found = format_latency(found);
      break;
    case What::kErrors:
      found = errors;
      verdict.found = fixed(found, 0);
      break;
    case What::kErrorRate:
      found = all > 0 ? errors / all : 0;
      verdict.found = fixed(100 * found, 3) + "%";
      break;
    case What::kRate:
      found = tally.per_second();
      verdict.found = fixed(found, 0) + " a second";
      break;
  }
  verdict.met = holds(clause.relation, found, clause.bound);
  return verdict;
}

bool asks_for(const std::vector<Clause>& clauses, Clause::What what) {
  return std::any_of(clauses.begin(), clauses.end(),
                     [what](const Clause& clause) { return clause.what == what; });
}

}  // namespace cairn::tools::bench
