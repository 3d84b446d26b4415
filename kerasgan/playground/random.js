// TensorFlow's stateless random numbers by the Philox algorithm (Salmon et al. 2011, 4x32 with 10 rounds): the numbers
// that `generate` draws for a seed.

function round(counter, key) {
  const product = (a, b) => {
    const whole = BigInt(a) * BigInt(b);
    return [Number(whole >> 32n), Number(whole & 0xffffffffn)];
  };
  const [high0, low0] = product(0xd2511f53, counter[0]);
  const [high1, low1] = product(0xcd9e8d57, counter[2]);
  return [(high1 ^ counter[1] ^ key[0]) >>> 0, low1, (high0 ^ counter[3] ^ key[1]) >>> 0, low0];
}

export function philox(counter, key) {
  for (let i = 0; i < 10; i++) {
    counter = round(counter, key);
    key = [(key[0] + 0x9e3779b9) >>> 0, (key[1] + 0xbb67ae85) >>> 0];
  }
  return counter;
}

function bits(count, seed, stream) {
  // TensorFlow scrambles the pair (seed, stream) into key and counter by one run of the algorithm itself.
  const mixed = philox([seed >>> 0, 0, stream >>> 0, 0], [0x3ec8f720, 0x02461e29]);
  const key = [mixed[0], mixed[1]];
  const numbers = [];
  for (let block = 0; numbers.length < count; block++) numbers.push(...philox([block, 0, mixed[2], mixed[3]], key));
  return numbers.slice(0, count);
}

const unit = (word) => Math.fround((word & 0x7fffff) / 0x800000); // 23 bits: a float in [0, 1)

// Returns `size` numbers: uniform ones in [-1, 1), or normal ones by the Box-Muller transform.
export function draw(prior, size, seed, stream) {
  if (prior === "uniform") return bits(size, seed, stream).map((word) => 2 * unit(word) - 1);
  const words = bits(size + (size % 2), seed, stream), numbers = [];
  for (let i = 0; i < words.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(Math.max(unit(words[i]), 1e-7)));
    const angle = 2 * Math.PI * unit(words[i + 1]);
    numbers.push(radius * Math.sin(angle), radius * Math.cos(angle));
  }
  return numbers.slice(0, size);
}
