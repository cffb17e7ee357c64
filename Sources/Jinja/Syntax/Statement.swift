/// What is run for what it writes or assigns.
struct Statement: Sendable {
    indirect enum Kind: Sendable {
        case data(String)
        case output([Expression])
        case conditional([Branch], else: [Statement])
        case loop(ForLoop)
        case assignment(Target, Expression)
        /// `{% set name %}…{% endset %}`; the filters' input is the captured text.
        case blockAssignment(Target, filters: Expression, body: [Statement])
        case macro(MacroDefinition)
        /// `{% call(parameters) macro(…) %}…{% endcall %}`
        case callBlock(MacroDefinition, call: Expression)
        case filterBlock(Expression, body: [Statement])
        case with([Binding], body: [Statement])
        /// What the assistant said, for training; it writes its body.
        case generation([Statement])
        case breakLoop
        case continueLoop
    }

    struct Branch: Sendable {
        var condition: Expression
        var body: [Statement]
    }

    struct ForLoop: Sendable {
        var target: Target
        var sequence: Expression
        /// `if condition` behind the sequence: elements that fail it are not counted.
        var condition: Expression?
        var isRecursive: Bool
        var body: [Statement]
        /// Runs when there is no element.
        var otherwise: [Statement]
    }

    struct Binding: Sendable {
        var target: Target
        var value: Expression
    }

    struct MacroDefinition: Sendable {
        struct Parameter: Sendable {
            var name: String
            var defaultValue: Expression?
        }

        var name: String
        var parameters: [Parameter]
        var body: [Statement]
        /// Whether the body uses `varargs`, `kwargs` and `caller`, and so takes them.
        var takesPositional: Bool
        var takesKeywords: Bool
        var takesCaller: Bool
    }

    indirect enum Target: Sendable {
        case name(String)
        case namespace(String, attribute: String)
        case tuple([Target])
    }

    var kind: Kind
    var line: Int
}
