package import NIOCore

/// A DNS message (RFC 1035), as far as names of peers need it: `/dnsaddr` asks for TXT records, mDNS asks and answers.
package struct DNSMessage: Equatable, Sendable {
    package var id: UInt16
    package var isResponse: Bool
    /// The answer did not fit and is to be asked for over TCP.
    package var isTruncated: Bool
    /// 0 for success, 3 for a name that does not exist.
    package var responseCode: UInt8
    package var questions: [Question]
    package var answers: [Record]
    package var additionals: [Record]

    package struct Question: Hashable, Sendable {
        package var name: DNSName
        package var type: UInt16

        package init(_ name: DNSName, _ type: UInt16) {
            self.name = name
            self.type = type
        }
    }

    package struct Record: Hashable, Sendable {
        package var name: DNSName
        /// Seconds.
        package var timeToLive: UInt32
        package var data: Data

        package init(_ name: DNSName, timeToLive: UInt32, _ data: Data) {
            self.name = name
            self.timeToLive = timeToLive
            self.data = data
        }
    }

    package enum Data: Hashable, Sendable {
        case address(IPAddress)
        case pointer(DNSName)
        case service(port: UInt16, target: DNSName)
        /// Strings of at most 255 bytes each.
        case text([[UInt8]])
        case other(type: UInt16)
    }

    package enum RecordType {
        package static let a: UInt16 = 1
        package static let pointer: UInt16 = 12
        package static let text: UInt16 = 16
        package static let aaaa: UInt16 = 28
        package static let service: UInt16 = 33
        static let options: UInt16 = 41
        package static let any: UInt16 = 255
    }

    package init(
        id: UInt16 = 0,
        isResponse: Bool = false,
        isTruncated: Bool = false,
        responseCode: UInt8 = 0,
        questions: [Question] = [],
        answers: [Record] = [],
        additionals: [Record] = []
    ) {
        self.id = id
        self.isResponse = isResponse
        self.isTruncated = isTruncated
        self.responseCode = responseCode
        self.questions = questions
        self.answers = answers
        self.additionals = additionals
    }
}

// MARK: - Reading

extension DNSMessage {
    /// Reads one whole datagram. Records of other kinds than those above are kept as `other`; the authority section is
    /// read past.
    package init(bytes: ByteBuffer) throws(WireError) {
        // Pointers count from the start of the message.
        var buffer = bytes.slice()
        guard buffer.readableBytes <= Limits.dnsMessageLength else {
            throw WireError(.tooLarge, "a DNS message of \(buffer.readableBytes) bytes")
        }
        guard
            let (id, flags, questions, answers, authorities, additionals) = buffer.readMultipleIntegers(
                as: (UInt16, UInt16, UInt16, UInt16, UInt16, UInt16).self
            )
        else { throw WireError(.malformed, "a DNS message without a whole header") }
        let counts = [questions, answers, authorities, additionals].map(Int.init)
        guard counts.reduce(0, +) <= Limits.dnsRecords else {
            throw WireError(.tooLarge, "a DNS message of more than \(Limits.dnsRecords) records")
        }
        self.init(id: id, isResponse: flags & 0x8000 != 0, isTruncated: flags & 0x0200 != 0)
        self.responseCode = UInt8(flags & 0xf)
        for _ in 0..<counts[0] { self.questions.append(try Self.readQuestion(&buffer)) }
        for _ in 0..<counts[1] { self.answers.append(try Self.readRecord(&buffer)) }
        for _ in 0..<counts[2] { _ = try Self.readRecord(&buffer) }
        for _ in 0..<counts[3] { self.additionals.append(try Self.readRecord(&buffer)) }
    }

    private static func readQuestion(_ buffer: inout ByteBuffer) throws(WireError) -> Question {
        let name = try DNSName(reading: &buffer)
        guard let (type, _) = buffer.readMultipleIntegers(as: (UInt16, UInt16).self) else { throw self.truncated }
        return Question(name, type)
    }

    private static func readRecord(_ buffer: inout ByteBuffer) throws(WireError) -> Record {
        let name = try DNSName(reading: &buffer)
        guard
            let (type, _, timeToLive, length) = buffer.readMultipleIntegers(
                as: (UInt16, UInt16, UInt32, UInt16).self
            ),
            buffer.readableBytes >= Int(length)
        else { throw self.truncated }
        let end = buffer.readerIndex + Int(length)
        let data = try self.readData(of: type, length: Int(length), &buffer)
        guard buffer.readerIndex <= end else { throw self.truncated }
        buffer.moveReaderIndex(to: end)
        return Record(name, timeToLive: timeToLive, data)
    }

    private static func readData(
        of type: UInt16,
        length: Int,
        _ buffer: inout ByteBuffer
    ) throws(WireError) -> Data {
        switch (type, length) {
        case (RecordType.a, 4), (RecordType.aaaa, 16):
            return .address(IPAddress(bytes: buffer.readBytes(length: length) ?? []))
        case (RecordType.pointer, _):
            return .pointer(try DNSName(reading: &buffer))
        case (RecordType.service, 7...):
            guard let (_, _, port) = buffer.readMultipleIntegers(as: (UInt16, UInt16, UInt16).self) else {
                throw self.truncated
            }
            return .service(port: port, target: try DNSName(reading: &buffer))
        case (RecordType.text, _):
            var strings: [[UInt8]] = []
            let end = buffer.readerIndex + length
            while buffer.readerIndex < end {
                guard let count: UInt8 = buffer.readInteger(), let string = buffer.readBytes(length: Int(count)) else {
                    throw self.truncated
                }
                strings.append(string)
            }
            return .text(strings)
        default:
            return .other(type: type)
        }
    }

    private static let truncated = WireError(.malformed, "a DNS message ends in the middle of a record")
}

// MARK: - Writing

extension DNSMessage {
    /// The message, without compression.
    ///
    /// - Parameter offersLargeAnswers: tell the server that we take answers of up to ``Limits/dnsMessageLength`` bytes in
    ///   one datagram (EDNS(0), RFC 6891).
    package func bytes(offersLargeAnswers: Bool = false) -> ByteBuffer {
        var buffer = ByteBuffer()
        // An mDNS responder answers with authority; a query to a server wants recursion.
        let flags: UInt16 = self.isResponse ? 0x8400 : offersLargeAnswers ? 0x0100 : 0
        buffer.writeMultipleIntegers(
            self.id,
            flags | (self.isTruncated ? 0x0200 : 0) | UInt16(self.responseCode & 0xf),
            UInt16(clamping: self.questions.count),
            UInt16(clamping: self.answers.count),
            UInt16(0),
            UInt16(clamping: self.additionals.count + (offersLargeAnswers ? 1 : 0))
        )
        for question in self.questions {
            question.name.write(into: &buffer)
            buffer.writeMultipleIntegers(question.type, Self.internet)
        }
        for record in self.answers + self.additionals { Self.write(record, into: &buffer) }
        if offersLargeAnswers {
            buffer.writeMultipleIntegers(UInt8(0), RecordType.options, UInt16(Limits.dnsMessageLength), UInt32(0))
            buffer.writeInteger(UInt16(0))
        }
        return buffer
    }

    private static let internet: UInt16 = 1

    private static func write(_ record: Record, into buffer: inout ByteBuffer) {
        var data = ByteBuffer()
        let type: UInt16
        switch record.data {
        case .address(let address):
            type = address.family == .v4 ? RecordType.a : RecordType.aaaa
            data.writeBytes(address.bytes)
        case .pointer(let name):
            type = RecordType.pointer
            name.write(into: &data)
        case .service(let port, let target):
            type = RecordType.service
            data.writeMultipleIntegers(UInt16(0), UInt16(0), port)
            target.write(into: &data)
        case .text(let strings):
            type = RecordType.text
            for string in strings {
                let string = string.prefix(255)
                data.writeInteger(UInt8(string.count))
                data.writeBytes(string)
            }
        case .other(let other):
            type = other
        }
        record.name.write(into: &buffer)
        buffer.writeMultipleIntegers(type, self.internet, record.timeToLive, UInt16(clamping: data.readableBytes))
        buffer.writeImmutableBuffer(data)
    }
}
