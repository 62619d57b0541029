/// Prints what a test has measured, as the programs of Tests/Bench do: one line of JSON.
public func measured(_ measurement: String, _ value: Double, _ unit: String, limit: Double, how: String) {
    let rounded = (value * 1000).rounded() / 1000
    print(#"{"measurement": "\#(measurement)", "value": \#(rounded), "unit": "\#(unit)", "limit": \#(limit), "how": "\#(how)"}"#)
}
