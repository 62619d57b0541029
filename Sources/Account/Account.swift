public enum Account {}
