// What a vault costs on the way: bytes a second over the loopback interface through CURVE, by credits, onto a disk and
// back, beside the same bytes through a plain TCP connection and through a plain directory.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/harness/seeded_entropy.h"
#include "tests/harness/vault_host.h"

namespace holdfast {
namespace {

constexpr std::size_t object_size = 64U << 20U;

Bytes noise() {
  Bytes out(object_size);
  SeededEntropy(1).fill(out);
  return out;
}

void count_bytes(benchmark::State& state, std::size_t objects_each_time = 1) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(object_size * objects_each_time));
}

void put_through(benchmark::State& state, Store& store) {
  const Bytes content = noise();
  std::uint64_t number = 0;
  for (auto _ : state) {
    const std::string name = "a/" + std::to_string(++number);
    if (auto done = store.put(name, content); !done) state.SkipWithError(done.error().text().c_str());
    state.PauseTiming();
    (void)store.remove(name).has_value();
    state.ResumeTiming();
  }
  count_bytes(state);
}

void get_through(benchmark::State& state, Store& store) {
  if (auto done = store.put("a", noise()); !done) state.SkipWithError(done.error().text().c_str());
  for (auto _ : state) {
    auto content = store.get("a");
    if (!content) state.SkipWithError(content.error().text().c_str());
    benchmark::DoNotOptimize(content);
  }
  count_bytes(state);
}

void BM_PutIntoVault(benchmark::State& state) {
  VaultHost host;
  put_through(state, *host.store_of_owner());
}
void BM_GetFromVault(benchmark::State& state) {
  VaultHost host;
  get_through(state, *host.store_of_owner());
}
void BM_PutIntoDirectory(benchmark::State& state) {
  VaultHost host;
  PosixStore store(host.files, host.directory / "plain");
  put_through(state, store);
}
void BM_GetFromDirectory(benchmark::State& state) {
  VaultHost host;
  PosixStore store(host.files, host.directory / "plain");
  get_through(state, store);
}

// Two threads and a socket, read in the vault's chunks: what the interface gives when nobody encrypts or stores.
void BM_PlainTcp(benchmark::State& state) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  auto* address = reinterpret_cast<sockaddr*>(&place);
  if (::bind(listener.get(), address, size) != 0 || ::listen(listener.get(), 1) != 0 ||
      ::getsockname(listener.get(), address, &size) != 0) {
    return state.SkipWithError("no socket");
  }
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM, 0));
  if (::connect(client.get(), address, size) != 0) return state.SkipWithError("no connection");
  std::jthread reader([server = UniqueFd(::accept(listener.get(), nullptr, nullptr))] {
    Bytes into(vault_chunk_bytes);
    std::size_t came = 0;
    for (;;) {
      const ssize_t got = ::read(server.get(), into.data(), into.size());
      if (got <= 0) return;
      came += static_cast<std::size_t>(got);
      if (came < object_size) continue;
      came -= object_size;
      if (::write(server.get(), "k", 1) != 1) return;
    }
  });
  const Bytes content = noise();
  for (auto _ : state) {
    for (ByteView rest(content); !rest.empty();) {
      const ssize_t wrote = ::write(client.get(), rest.data(), std::min(rest.size(), vault_chunk_bytes));
      if (wrote <= 0) return state.SkipWithError("the connection is lost");
      rest = rest.subspan(static_cast<std::size_t>(wrote));
    }
    char answer = 0;
    if (::read(client.get(), &answer, 1) != 1) return state.SkipWithError("no answer");
  }
  count_bytes(state);
  ::shutdown(client.get(), SHUT_RDWR);
}

BENCHMARK(BM_PlainTcp)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_PutIntoVault)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_GetFromVault)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_PutIntoDirectory)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_GetFromDirectory)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace holdfast
