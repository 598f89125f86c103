// libFuzzer for JavaScript: a Node-API addon whose one function hands the process over to it. The counters are JavaScript's
// (coverage.ts), and so is the function that takes the inputs; mutation, corpus, limits and reports are libFuzzer's own.

#include <napi.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
// fuzzer/FuzzerInterface.h and sanitizer/coverage_interface.h of LLVM's compiler-rt.
int LLVMFuzzerRunDriver(int* argc, char*** argv, int (*callback)(const uint8_t* data, size_t size));
void __sanitizer_cov_8bit_counters_init(uint8_t* start, uint8_t* stop);
void __sanitizer_cov_pcs_init(const uintptr_t* start, const uintptr_t* stop);
}

namespace {

Napi::FunctionReference target;

int RunOne(const uint8_t* data, size_t size) {
  const Napi::Env env = target.Env();
  const Napi::HandleScope scope(env);
  Napi::Uint8Array input = Napi::Uint8Array::New(env, size);
  if (size > 0) memcpy(input.Data(), data, size);
  try {
    target.Call({input});
  } catch (const Napi::Error& error) {
    const Napi::Value thrown = error.Value();
    const Napi::Value stack = thrown.IsObject() ? thrown.As<Napi::Object>().Get("stack") : thrown;
    fprintf(stderr, "%s\n", stack.ToString().Utf8Value().c_str());
    // libFuzzer catches the signal, and writes the input down.
    abort();
  }
  return 0;
}

// run(counters: Uint8Array, target: (input: Uint8Array) => void, args: string[]): void
void Run(const Napi::CallbackInfo& info) {
  auto counters = info[0].As<Napi::Uint8Array>();
  const size_t count = counters.ElementLength();
  target = Napi::Persistent(info[1].As<Napi::Function>());
  // The code has no addresses, so each counter gets its number. Both live as long as the process.
  auto* addresses = new std::vector<uintptr_t>(2 * count);
  for (size_t index = 0; index < count; index++) (*addresses)[2 * index] = index + 1;
  __sanitizer_cov_8bit_counters_init(counters.Data(), counters.Data() + count);
  __sanitizer_cov_pcs_init(addresses->data(), addresses->data() + addresses->size());

  const auto args = info[2].As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t index = 0; index < args.Length(); index++) texts.push_back(args.Get(index).ToString().Utf8Value());
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  int argc = static_cast<int>(texts.size());
  char** argv = pointers.data();
  exit(LLVMFuzzerRunDriver(&argc, &argv, RunOne));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("run", Napi::Function::New(env, Run));
  return exports;
}

}  // namespace

NODE_API_MODULE(bridge, Init)
