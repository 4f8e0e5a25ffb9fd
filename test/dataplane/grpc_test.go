//go:build integration

package dataplane

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// caller is a gRPC service of all four kinds. ended tells with what a call that
// waits for its end ended.
type caller struct {
	pb.UnimplementedTestServiceServer
	ended chan error
}

const note = "x-note" // a header of ours, sent back as header and trailer

// UnaryCall answers with the size of the request, or with its status.
func (s *caller) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	asked, _ := metadata.FromIncomingContext(ctx)
	_ = grpc.SetHeader(ctx, metadata.Pairs(note, strings.Join(asked[note], ",")))
	_ = grpc.SetTrailer(ctx, metadata.Pairs(note, "after "+strings.Join(asked[note], ",")))
	if want := in.GetResponseStatus(); want.GetCode() != 0 {
		return nil, status.Error(codes.Code(want.GetCode()), want.GetMessage())
	}
	if in.GetResponseSize() < 0 { // wait for the end
		<-ctx.Done()
		_, limited := ctx.Deadline()
		s.ended <- fmt.Errorf("deadline %v: %w", limited, ctx.Err())
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return &pb.SimpleResponse{Payload: &pb.Payload{Body: make([]byte, in.GetResponseSize())}, Username: fmt.Sprint(len(in.GetPayload().GetBody()))}, nil
}

// StreamingInputCall adds up.
func (s *caller) StreamingInputCall(stream pb.TestService_StreamingInputCallServer) error {
	sum := 0
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		sum += len(in.GetPayload().GetBody())
	}
}

// StreamingOutputCall sends what it is asked for, and then a status.
func (s *caller) StreamingOutputCall(in *pb.StreamingOutputCallRequest, stream pb.TestService_StreamingOutputCallServer) error {
	for _, p := range in.GetResponseParameters() {
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, p.GetSize())}}); err != nil {
			return err
		}
	}
	if want := in.GetResponseStatus(); want.GetCode() != 0 {
		return status.Error(codes.Code(want.GetCode()), want.GetMessage())
	}
	return nil
}

// FullDuplexCall answers each message before the next one comes.
func (s *caller) FullDuplexCall(stream pb.TestService_FullDuplexCallServer) error {
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			s.ended <- err
			return err
		}
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: in.GetPayload()}); err != nil {
			return err
		}
	}
}

// serveGRPC runs the service without TLS or, with config, with it.
func serveGRPC(t *testing.T, config *tls.Config) (*caller, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var options []grpc.ServerOption
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server, service := grpc.NewServer(options...), &caller{ended: make(chan error, 10)}
	pb.RegisterTestServiceServer(server, service)
	go func() { _ = server.Serve(l) }() // ends with the server
	t.Cleanup(server.Stop)
	return service, l.Addr().String()
}

// gRPC passes in all its kinds, with what it tells in headers and trailers, its
// deadlines and its cancellations, over HTTP/2 with TLS and without to the
// upstream.
func TestGRPC(t *testing.T) {
	t.Parallel()
	pair, _ := newCertificate(t)
	for protocol, config := range map[string]*tls.Config{
		"grpc": nil, "grpcs": {Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			service, addr := serveGRPC(t, config)
			g := startGateway(t, watched(t), uncollected, yaml(grpcService(protocol+"://"+addr)))
			conn, err := grpc.NewClient(g.secured, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: g.roots})))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c := pb.NewTestServiceClient(conn)
			for range 2 { // the second time on kept connections
				unary(ctx, t, c)
				clientStream(ctx, t, c)
				serverStream(ctx, t, c)
				bidirectional(ctx, t, c)
			}
			ends(ctx, t, c, service)
			if _, err := c.EmptyCall(ctx, &pb.Empty{}); status.Code(err) != codes.Unimplemented {
				t.Errorf("a method that is not there: %v", err)
			}
			for id, r := range g.records(t) {
				if r.Status != 200 && r.Status != 499 || r.Upstream != addr && r.Status == 200 {
					t.Errorf("record %s: %+v", id, r)
				}
			}
		})
	}
}

func grpcService(url string) service {
	return service{path: "/", url: url, kind: "grpc, grpcs", more: "  retries: 0\n"}
}

func unary(ctx context.Context, t *testing.T, c pb.TestServiceClient) {
	t.Helper()
	ctx = metadata.AppendToOutgoingContext(ctx, note, "hello")
	var head, trailer metadata.MD
	out, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseSize: 300_000, Payload: &pb.Payload{Body: make([]byte, 200_000)}}, grpc.Header(&head), grpc.Trailer(&trailer))
	if err != nil || len(out.GetPayload().GetBody()) != 300_000 || out.GetUsername() != "200000" {
		t.Errorf("unary: %v, %d bytes for %s", err, len(out.GetPayload().GetBody()), out.GetUsername())
	}
	if fmt.Sprint(head[note], trailer[note]) != "[hello] [after hello]" {
		t.Errorf("unary: header %v, trailer %v", head, trailer)
	}
	trailer = nil
	_, err = c.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.DataLoss), Message: "lost: \u20ac %\n"}}, grpc.Trailer(&trailer))
	if s := status.Convert(err); s.Code() != codes.DataLoss || s.Message() != "lost: \u20ac %\n" || fmt.Sprint(trailer[note]) != "[after hello]" {
		t.Errorf("unary: status %v, trailer %v", err, trailer)
	}
}

func clientStream(ctx context.Context, t *testing.T, c pb.TestServiceClient) {
	t.Helper()
	stream, err := c.StreamingInputCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := stream.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, 10_000)}}); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := stream.CloseAndRecv(); err != nil || out.GetAggregatedPayloadSize() != 500_000 {
		t.Errorf("client stream: %v, %d", err, out.GetAggregatedPayloadSize())
	}
}

func serverStream(ctx context.Context, t *testing.T, c pb.TestServiceClient) {
	t.Helper()
	in := &pb.StreamingOutputCallRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.ResourceExhausted), Message: "that is all"}}
	for i := range 50 {
		in.ResponseParameters = append(in.ResponseParameters, &pb.ResponseParameters{Size: int32(i * 1000)})
	}
	stream, err := c.StreamingOutputCall(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if out, err := stream.Recv(); err != nil || len(out.GetPayload().GetBody()) != i*1000 {
			t.Fatalf("server stream: message %d: %v, %d bytes", i, err, len(out.GetPayload().GetBody()))
		}
	}
	if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted || status.Convert(err).Message() != "that is all" {
		t.Errorf("server stream: the end is %v", err)
	}
}

// bidirectional sends a message only when the one before was answered: one that
// is held back would never be.
func bidirectional(ctx context.Context, t *testing.T, c pb.TestServiceClient) {
	t.Helper()
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		body := []byte(fmt.Sprint("message ", i))
		if err := stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: body}}); err != nil {
			t.Fatal(err)
		}
		if out, err := stream.Recv(); err != nil || string(out.GetPayload().GetBody()) != string(body) {
			t.Fatalf("both ways: message %d: %v", i, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("both ways: the end is %v", err)
	}
}

// ends sees that the upstream learns of a deadline, and of a client that gives
// up.
func ends(ctx context.Context, t *testing.T, c pb.TestServiceClient, service *caller) {
	t.Helper()
	expect := func(what string) error {
		select {
		case err := <-service.ended:
			return err
		case <-ctx.Done():
			t.Fatalf("%s: the upstream does not learn of it", what)
			return nil
		}
	}
	limited, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err := c.UnaryCall(limited, &pb.SimpleRequest{ResponseSize: -1})
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("deadline: %v", err)
	}
	if err := expect("deadline"); !strings.Contains(err.Error(), "deadline true") {
		t.Errorf("deadline: the upstream's call ended with %v", err)
	}
	given, giveUp := context.WithCancel(ctx)
	stream, err := c.FullDuplexCall(given)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	giveUp()
	if err := expect("cancel"); status.Code(err) != codes.Canceled {
		t.Errorf("cancel: the upstream's call ended with %v", err)
	}
}

// What a gRPC client is told of an upstream that is not there, and of one that
// does not speak HTTP/2.
func TestGRPCWithoutAnUpstream(t *testing.T) {
	t.Parallel()
	pair, _ := newCertificate(t)
	deaf := serveRaw(t, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}, func(net.Conn, *bufio.Reader) {})
	for name, url := range map[string]string{
		"nobody listens": "grpc://" + freeAddr(t), "no HTTP/2": "grpcs://" + strings.TrimPrefix(deaf.url, "https://"),
	} {
		g := startGateway(t, watched(t), uncollected, yaml(grpcService(url)))
		conn, err := grpc.NewClient(g.secured, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: g.roots})))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err = pb.NewTestServiceClient(conn).EmptyCall(ctx, &pb.Empty{})
		cancel()
		_ = conn.Close()
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
