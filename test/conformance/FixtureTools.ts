import type { ContentBlock } from "@modelcontextprotocol/server"
import { Effect, Schema } from "effect"
import { AwaitView } from "../../src/dispatch/Awaiting.js"
import { Dispatch } from "../../src/dispatch/Dispatch.js"
import { BackendFailed, NeedsAnswers } from "../../src/domain/DispatchError.js"
import { defined } from "../../src/domain/Json.js"
import { awaitTask } from "../../src/mcp/AwaitTools.js"
import { tasksExtension } from "../../src/mcp/Client.js"
import type * as Reply from "../../src/mcp/Reply.js"
import { type CallContext, type Tool, tool, type ToolFace } from "../../src/mcp/Tool.js"
import { note, picture, sound } from "./FixtureContent.js"
import type { Job } from "./ScriptedAdapter.js"

/** Where every job of the fixture goes. */
export const account = { provider: "fixture", name: "lab", backend: "scripted" } as const

const face = (description: string, more: Partial<ToolFace> = {}): ToolFace => ({
  title: description,
  description,
  readOnly: false,
  idempotent: false,
  ...more
})

const Nothing = Schema.Struct({})
const Said = Schema.Struct({})

const said = (text: string): Reply.Reply => ({ text })

/** Dispatches a job; the reply is that of `await_task`: a task where the client can follow one, else its end. */
const perform = (job: Partial<Job>, context: CallContext) =>
  Effect.gen(function* () {
    const dispatch = yield* Dispatch
    const { taskId } = yield* dispatch.dispatch(
      {
        provider: account.provider,
        accountProfile: account.name,
        capability: "agent-runtime",
        backend: account.backend,
        taskType: "agent.run",
        target: { mode: "session" },
        input: { instruction: "as the rest says", job: "compute", seconds: 0, result: {}, questions: [], ...job }
      },
      {}
    )
    return yield* awaitTask.call("await_task", { task_ids: [taskId] }, context)
  })

const job = <A, I>(shown: ToolFace, input: Schema.Schema<A, I>, work: (args: A) => Partial<Job>): Tool =>
  tool(shown, input, AwaitView, (args, context) => perform(work(args), context))

/** A tool whose user is asked, one after the other, for what is missing; then a job tells what was answered. */
const asking = (
  description: string,
  questions: Readonly<Record<string, string>>,
  more: Partial<ToolFace> = {}
): Tool => {
  const input = Schema.Struct(
    Object.fromEntries(Object.keys(questions).map((id) => [id, Schema.optional(Schema.String)]))
  )
  return tool(face(description, more), input, AwaitView, (args, context) => {
    const given: { readonly [id: string]: string | undefined } = args
    const missing = Object.entries(questions).find(([id]) => given[id] === undefined)
    if (missing === undefined) return perform({ result: defined(given) }, context)
    const [id, question] = missing
    return new NeedsAnswers({ questions: [{ id, question }], availableRuntimes: [] })
  })
}

/** No task has content other than text, so what shows it answers at once. */
const showing = (description: string, ...blocks: ReadonlyArray<ContentBlock>): Tool =>
  tool(face(description), Nothing, Said, () => Effect.succeed({ ...said(description), blocks }))

const confirm = (key: string, message: string): Job["questions"][number] => ({
  key,
  message,
  fields: [{ id: "confirm", type: "boolean" }]
})

const simpleText = "This is a simple text response for testing."

/** What the suite calls, by its names. */
export const tools: Readonly<Record<string, Tool>> = {
  greet: tool(face("Greets at once"), Schema.Struct({ name: Schema.String }), Said, ({ name }) =>
    Effect.succeed(said(`Hello, ${name}!`))
  ),
  slow_compute: job(
    face("Computes for so many seconds"),
    Schema.Struct({ seconds: Schema.Number, label: Schema.optional(Schema.String) }),
    ({ label = "", seconds }) => ({ seconds, result: { label } })
  ),
  failing_job: job(
    face("Fails after a second", {
      lacking: ({ tasks }) => (tasks ? undefined : { extensions: { [tasksExtension]: {} } })
    }),
    Nothing,
    () => ({ job: "fail", seconds: 1 })
  ),
  protocol_error_job: job(face("Breaks down"), Nothing, () => ({ job: "break" })),
  confirm_delete: job(face("Asks before it deletes"), Schema.Struct({ filename: Schema.String }), ({ filename }) => ({
    job: "ask",
    questions: [confirm("confirm", `Delete ${filename}?`)]
  })),
  multi_input: job(face("Asks two things at once"), Nothing, () => ({
    job: "ask",
    questions: [confirm("first", "Shall the first go on?"), confirm("second", "Shall the second go on?")]
  })),
  test_tool_with_task: asking("Asks, then goes on as a task", { name: "What is your name?" }),
  test_input_required_result_elicitation: asking(
    "Asks for a name",
    { name: "What is your name?" },
    { form: "user_name" }
  ),
  test_input_required_result_request_state: asking("Asks for a confirmation", { ok: "Please confirm" }),
  test_input_required_result_tampered_state: asking("Asks for a confirmation", { ok: "Please confirm" }),
  test_input_required_result_multi_round: asking("Asks twice", {
    name: "Step 1: What is your name?",
    color: "Step 2: What is your favorite color?"
  }),
  test_streaming_elicitation: asking("Asks for a name", { name: "What is your name?" }),
  test_missing_capability: job(
    face("Needs a model of the client's, and no client of ours is asked for one", {
      lacking: () => ({ sampling: {} })
    }),
    Nothing,
    () => ({})
  ),
  test_logging_tool: showing("Has nothing to log to its client"),
  test_simple_text: tool(face("Says one sentence"), Nothing, Said, () => Effect.succeed(said(simpleText))),
  test_image_content: showing("Shows a picture", picture),
  test_audio_content: showing("Plays a sound", sound),
  test_embedded_resource: showing(
    "Shows a resource",
    note("test://embedded-resource", "This is an embedded resource content.")
  ),
  test_multiple_content_types: showing(
    "Shows a picture and a resource",
    picture,
    note("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
  ),
  test_error_handling: tool(
    face("Is refused"),
    Nothing,
    Said,
    () =>
      new BackendFailed({
        code: "fixture.failed",
        detail: "This tool intentionally returns an error for testing",
        retryable: false
      })
  ),
  test_tool_with_progress: tool(face("Tells how far it is"), Nothing, Said, (_, { progress }) =>
    Effect.as(
      Effect.forEach([0, 50, 100], (done) => Effect.delay(progress(done, 100, `${done} of 100`), "20 millis")),
      said("It is done.")
    )
  )
}
