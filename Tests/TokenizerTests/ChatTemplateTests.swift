import Foundation
import StrictJSON
import Testing

@testable import Tokenizer

@Suite struct ChatTemplateTests {
    private let template = """
        {% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}\
        {% if add_generation_prompt %}<assistant>{% endif %}
        """

    @Test func `writes each message and where the answer begins`() throws {
        let chat = try ChatTemplate(source: template, specialTokens: ["eos_token": "</s>"])
        let messages = [ChatMessage(role: "user", content: "Hi"), ChatMessage(role: "assistant", content: "Yes")]
        #expect(try chat.render(messages) == "<user>Hi</s><assistant>Yes</s><assistant>")
        #expect(try chat.render(messages, addsGenerationPrompt: false) == "<user>Hi</s><assistant>Yes</s>")
    }

    @Test func `a template that raises gives its own words, and nothing else`() throws {
        let chat = try ChatTemplate(source: "{{ raise_exception('Roles must alternate') }}")
        let error = #expect(throws: TokenizerError.self) { try chat.render([ChatMessage(role: "user", content: "")]) }
        #expect(error?.code == .templateFailed)
        #expect(error?.message == "Roles must alternate")
    }

    @Test func `a template that is none names the line`() {
        let error = #expect(throws: TokenizerError.self) { try ChatTemplate(source: "a\n{% if %}") }
        #expect(error?.code == .badTemplate)
        #expect(error?.message.contains("line 2") == true)
    }

    @Test func `a conversation without messages is refused`() throws {
        let chat = try ChatTemplate(source: "x")
        for request in ["{}", "[]", #"{"messages": []}"#, #"{"messages": ["x"]}"#, #"{"messages": {}}"#] {
            let error = #expect(throws: TokenizerError.self) { try chat.render(try json(request)) }
            #expect(error?.code == .badConversation)
        }
    }

    @Test func `what is null in a message is not there, and what nobody gave is none`() throws {
        let chat = try ChatTemplate(
            source: "{{ messages[0].content is defined }} {{ tools is none }} {{ documents is none }} {{ x }} "
                + "{{ add_generation_prompt }}"
        )
        let request = #"{"messages": [{"role": "user", "content": null}], "x": 1.50}"#
        #expect(try chat.render(try json(request)) == "False True True 1.5 False")
    }

    @Test func `reasoning is there under each name that templates read`() throws {
        let chat = try ChatTemplate(source: "{{ messages[0] | tojson }}")
        let texts = try ["reasoning", "thinking", "reasoning_content"].map { name in
            try chat.render(try json(#"{"messages": [{"role": "a", "\#(name)": "r"}]}"#))
        }
        #expect(
            texts == [
                #"{"thinking": "r", "role": "a", "reasoning": "r", "reasoning_content": "r"}"#,
                #"{"role": "a", "thinking": "r", "reasoning_content": "r"}"#,
                #"{"thinking": "r", "role": "a", "reasoning_content": "r"}"#,
            ]
        )
    }

    @Test func `the date is the one that was given`() throws {
        let chat = try ChatTemplate(source: "{{ strftime_now('%d %b %Y') }}")
        let noon = Date(timeIntervalSince1970: 1_736_942_400)
        #expect(try chat.render([ChatMessage(role: "user", content: "")], now: noon) == "15 Jan 2025")
    }

    @Test func `a conversation ends at the end token and at what follows an answer`() throws {
        let tokenizer = try Tokenizer(directory: TestData.fixtures + "/tokenizers/tiny-bytebpe")
        let special = try #require(tokenizer.specialIDs.sorted().first)
        let other = try #require(tokenizer.specialIDs.sorted().last)
        let end = try #require(tokenizer.token(special))
        let turn = try #require(tokenizer.token(other))
        let chat = try ChatTemplate(
            source: "{% for m in messages %}{{ m.content }}\n\(turn)\n{% endfor %}",
            specialTokens: ["eos_token": end]
        )
        #expect(special != other)
        #expect(chat.endTokens(tokenizer) == [special, other])
        let none = try ChatTemplate(source: "{{ raise_exception('no') }}", specialTokens: ["eos_token": end])
        #expect(none.endTokens(tokenizer) == [special])
    }
}
