// Shell completion, made from the table of verbs.
#include "tools/kvctl.h"

namespace cairn::tools::ctl {
namespace {

std::string flags_of(const std::vector<Setting>& settings) {
  std::string out;
  for (const Setting& setting : settings) out += " --" + setting.name;
  return out;
}

std::string verb_names() {
  std::string out;
  for (const Verb& verb : verbs()) out += verb.name + " ";
  return out + "completion help";
}

std::string bash() {
  std::string out =
      "# bash completion for kvctl: source <(kvctl completion bash)\n"
      "_kvctl() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb='' w\n"
      "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $w in " +
      [] {
        std::string names;
        for (const Verb& verb : verbs()) names += verb.name + "|";
        return names + "completion|help";
      }() +
      ") verb=$w; break ;; esac\n"
      "  done\n"
      "  case $before in\n"
      "    --output) COMPREPLY=($(compgen -W 'table json raw' -- \"$word\")); return ;;\n"
      "    --consistency) COMPREPLY=($(compgen -W 'linearizable lease eventual' -- \"$word\")); "
      "return "
      ";;\n"
      "    --file) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
      "  esac\n"
      "  local words='" +
      verb_names() + flags_of(common_settings()) +
      "'\n"
      "  case $verb in\n";
  for (const Verb& verb : verbs()) {
    out += "    " + verb.name + ") words='" + flags_of(verb.settings) +
           flags_of(common_settings()) + "' ;;\n";
  }
  out +=
      "    completion) words='bash zsh' ;;\n"
      "    help) words='" +
      verb_names() +
      "' ;;\n"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "}\n"
      "complete -F _kvctl kvctl\n";
  return out;
}

}  // namespace

std::string completion(const std::string& shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") {
    return "# zsh completion for kvctl: source <(kvctl completion zsh)\n"
           "autoload -U +X compinit bashcompinit && compinit && bashcompinit\n" +
           bash();
  }
  return "";
}

}  // namespace cairn::tools::ctl
