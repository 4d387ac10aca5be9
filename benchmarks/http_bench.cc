// What the HTTP door does with a request's bytes, without sockets: the strict check of the head,
// Beast's parser, the route, the answer as JSON.
#include <benchmark/benchmark.h>

#include <string>

#include "http/beast_head.h"
#include "http/head_check.h"
#include "http/render.h"
#include "http/router.h"

namespace cairn::http {
namespace {

const std::string kGet =
    "GET /v1/kv/k000000000000042?consistency=eventual HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n"
    "User-Agent: bench/1\r\nAccept: */*\r\n\r\n";

void BM_ScanHead(benchmark::State& state) {
  const ServerOptions limits;
  for (auto _ : state) {
    HeadScanner scanner(limits);
    benchmark::DoNotOptimize(scanner.scan(kGet));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ScanHead);

void BM_CheckAndParseHead(benchmark::State& state) {
  const ServerOptions limits;
  const HostPolicy policy({}, {});
  for (auto _ : state) {
    const HeadVerdict verdict = check_head(kGet, limits, policy);
    Request request;
    if (verdict.refusal || parse_head(kGet, verdict.head, request)) {
      state.SkipWithError("the head is refused");
    }
    benchmark::DoNotOptimize(request);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_CheckAndParseHead);

void BM_Route(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(route("/v1/kv/k000000000000042"));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Route);

/// Argument: bytes of the value.
void BM_RenderItem(benchmark::State& state) {
  const kv::Item item{"k000000000000042",
                      std::string(static_cast<std::size_t>(state.range(0)), 'v'), 1'234'567'890'123,
                      1'234'567'890'123, 7};
  for (auto _ : state) benchmark::DoNotOptimize(render_item(item));
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RenderItem)->Arg(16)->Arg(256)->Arg(65'536);

void BM_RenderPut(benchmark::State& state) {
  kv::PutResult result;
  result.revision = 1'234'567'890'123;
  result.version = 7;
  for (auto _ : state) benchmark::DoNotOptimize(render_put(result, false));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RenderPut);

}  // namespace
}  // namespace cairn::http
