/** What a session's use costs, in USD; AWS's own page is the one to trust where it says something else. */
export const prices = {
  vcpuHour: 0.0895,
  gbHour: 0.00945,
  source: "a page that quotes AWS, https://elliot-digital.co.uk/cloud/bedrock-agentcore",
  date: "2026-05-03",
  official: "https://aws.amazon.com/bedrock/agentcore/pricing/"
} as const

/** The most one microVM session has; only what it uses is billed, so this bounds the bill. */
export const machine = { vcpu: 2, gb: 8 } as const

/** The most that so many seconds of a session can cost, in USD. */
export const costOf = (seconds: number): number =>
  (seconds * (machine.vcpu * prices.vcpuHour + machine.gb * prices.gbHour)) / 3600

/** Rounded up, so that nothing but nothing is free. */
export const usd = (amount: number): string => `${(Math.ceil(amount * 10_000 - 1e-9) / 10_000).toFixed(4)} USD`
