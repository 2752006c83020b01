import { assert, describe, it } from "@effect/vitest"
import { failureOf, faultOf, isPassing } from "../adapters/aws-agentcore/Faults.js"

/** An error as the AWS SDK throws it. */
const refusal = (headers: Readonly<Record<string, string>>) =>
  Object.assign(new Error("Rate exceeded"), {
    name: "ThrottlingException",
    $metadata: { httpStatusCode: 429, requestId: "r-1" },
    $response: { headers }
  })

const where = {
  place: { region: "us-east-1", credentialSource: "env" },
  permission: "bedrock-agentcore:InvokeAgentRuntime",
  resource: "arn"
}

describe("a service that says how long it wants to be left alone", () => {
  it("is left alone for so long, and is not asked again within the call", () => {
    const fault = faultOf(refusal({ "retry-after": "90" }))
    assert.deepStrictEqual([fault.kind, fault.retryAfter, isPassing(fault)], ["throttled", 90_000, false])
    const { code, delivery, retryAfter, retryable } = failureOf(fault, where)
    assert.deepStrictEqual([code, delivery, retryable, retryAfter], ["aws_agentcore.throttled", "none", true, 90_000])
  })

  it("is asked again soon where it says nothing, nothing sensible, or a moment", () => {
    for (const headers of [{}, { "retry-after": "soon" }, { "retry-after": "-1" }, { "retry-after": "1" }])
      assert.isTrue(isPassing(faultOf(refusal(headers))))
    assert.isUndefined(failureOf(faultOf(refusal({})), where).retryAfter)
  })
})
