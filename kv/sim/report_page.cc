// The page: what was remembered, as JSON, in the template that is built in.

#include <cstdio>

#include "kv/sim/report.h"
#include "kv/sim/report_template.h"

namespace cairn::kv::sim {

namespace {

/// A string that is safe inside a script element too.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f || c == '<' || c == '>' || c == '&') {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string number(Time t) {
  return std::to_string(t.count());
}

/// What a list's elements are followed by.
void next(std::string& out) {
  out += ",\n";
}

void close(std::string& out) {
  if (out.ends_with(",\n")) out.resize(out.size() - 2);
  out += ']';
}

}  // namespace

void ReportRecorder::add_messages(std::string& out) const {
  out += "\"messages\":[";
  const auto add = [&out](const Sent& s) {
    out += '[' + number(s.at) + ',' + number(s.ended) + ',' + (s.delivered ? '1' : '0') + ',' +
           std::to_string(s.from) + ',' + std::to_string(s.to) + ',' + std::to_string(s.group) +
           ',' + std::to_string(s.kind) + ',' + std::to_string(s.term);
    for (const std::uint64_t n : s.numbers) out += ',' + std::to_string(n);
    out += ']';
    next(out);
  };
  for (const Sent& s : first_) add(s);
  for (const Sent& s : last_) add(s);
  close(out);
}

void ReportRecorder::add_roles(std::string& out) const {
  out += "\"roles\":[";
  for (const Role& r : roles_) {
    out += '[' + number(r.at) + ',' + std::to_string(r.node) + ',' + std::to_string(r.group) + ',' +
           std::to_string(static_cast<int>(r.now.role)) + ',' + std::to_string(r.now.term) + ',' +
           std::to_string(r.now.leader) + ']';
    next(out);
  }
  close(out);
  out += ",\n\"commits\":[";
  for (const Advance& a : commits_) {
    out += '[' + number(a.at) + ',' + std::to_string(a.node) + ',' + std::to_string(a.group) + ',' +
           std::to_string(a.from) + ',' + std::to_string(a.to) + ']';
    next(out);
  }
  close(out);
}

void ReportRecorder::add_marks(std::string& out) const {
  const auto add = [&out](const char* name, const std::vector<Mark>& marks) {
    out += ",\n\"";
    out += name;
    out += "\":[";
    for (const Mark& m : marks) {
      out += '[' + number(m.at) + ',' + number(m.until) + ',' + std::to_string(m.node) + ',' +
             quoted(m.kind) + ',' + quoted(m.text) + ']';
      next(out);
    }
    close(out);
  };
  add("nodes", nodes_);
  add("faults", faults_);
  add("calls", calls_);
  add("failures", failures_);
  add("installs", installs_);
}

std::string ReportRecorder::data(const ReportTitle& title, Time end) const {
  std::string out = "{\"seed\":" + quoted(std::to_string(title.seed)) +
                    ",\"profile\":" + quoted(title.profile) + ",\"hash\":" + quoted(title.hash) +
                    ",\"verdict\":" + quoted(title.verdict) +
                    ",\"count\":" + std::to_string(title.nodes) + ",\"end\":" + number(end) +
                    ",\"sent\":" + std::to_string(messages_) + ",\"gap\":";
  const bool gap = messages_ > first_.size() + last_.size();
  out += gap ? '[' + number(first_.back().at) + ',' + number(last_.front().at) + ']' : "null";
  next(out);
  add_messages(out);
  next(out);
  add_roles(out);
  add_marks(out);
  return out + "}";
}

std::string ReportRecorder::html(const ReportTitle& title, Time end) const {
  std::string page(kReportHead);
  page += "<style>\n";
  page += kReportStyle;
  page += "</style>\n";
  page += kReportBody;
  page += "<script type=\"application/json\" id=\"run\">\n" + data(title, end) + "\n</script>\n";
  page += "<script>\n";
  page += kReportScript;
  page += "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace cairn::kv::sim
