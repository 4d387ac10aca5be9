#include "tools/bench/completion.h"

#include "tools/bench/options.h"

namespace cairn::tools::bench {
namespace {

std::string choice(const char* flag, const std::string& words) {
  return "    --" + std::string(flag) + ") COMPREPLY=($(compgen -W '" + words +
         "' -- \"$word\")); return ;;\n";
}

std::string bash() {
  std::string workloads;
  for (const Mix& mix : mixes()) workloads += std::string(mix.name) + " ";
  std::string flags;
  for (const Setting& setting : bench_settings()) flags += "--" + setting.name + " ";
  return "# bash completion for kvbench: source <(kvbench completion bash)\n"
         "_kvbench() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  case $before in\n" +
         choice("workload", workloads) + choice("target", "cairn etcd") +
         choice("distribution", "uniform zipfian latest") +
         choice("consistency", "linearizable lease eventual") + choice("check", "linearizable") +
         choice("output", "table json csv") +
         "    --report|compare) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
         "    --data-dir) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
         "    completion) COMPREPLY=($(compgen -W 'bash zsh' -- \"$word\")); return ;;\n"
         "  esac\n"
         "  if [ \"${COMP_WORDS[1]}\" = compare ]; then\n"
         "    COMPREPLY=($(compgen -f -W '--threshold' -- \"$word\")); return\n"
         "  fi\n"
         "  local words='" +
         flags +
         "'\n"
         "  [ \"$COMP_CWORD\" = 1 ] && words=\"compare completion $words\"\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -F _kvbench kvbench\n";
}

}  // namespace

std::string completion(const std::string& shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") {
    return "# zsh completion for kvbench: source <(kvbench completion zsh)\n"
           "autoload -U +X compinit bashcompinit && compinit && bashcompinit\n" +
           bash();
  }
  return "";
}

}  // namespace cairn::tools::bench
